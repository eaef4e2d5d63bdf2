//! What is measured and what is kept: the far end's probe, the records of orders, the timing table.

pub mod figure;
pub mod history;
pub mod measure;
pub mod probe;
pub mod records;
pub mod stream;
pub mod table;
pub mod trace;
pub mod window;
