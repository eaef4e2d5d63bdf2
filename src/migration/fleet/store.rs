//! The pool's store of a fake fleet.

use protocol::Failure;

#[derive(Debug, Clone, Default)]
pub struct FakeStore {
    /// The epoch that it gives, or why none; absent where the pool has no store.
    pub gives: Option<Result<u64, Failure>>,
    /// For whom the radio was to be reserved, and above which epoch.
    pub asked: Vec<(String, u64)>,
}

impl FakeStore {
    pub fn reserve(&mut self, to: &str, above: u64) -> Result<Option<u64>, Failure> {
        self.asked.push((to.to_owned(), above));
        self.gives.clone().transpose()
    }
}
