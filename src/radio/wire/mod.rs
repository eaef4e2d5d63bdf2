//! The N210 wire codec.
