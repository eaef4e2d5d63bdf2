//! The timing table as text.
