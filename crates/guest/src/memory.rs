//! Memory that is dirtied page by page and checked before every write: each word tells its place and the pass that wrote it.

use std::fmt;

/// Words of a page of 4 KiB.
pub const WORDS: usize = 512;
/// Pages of a MiB.
pub const PAGES_PER_MIB: usize = 256;

/// Odd, so that every pass changes every word.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A set of pages.
#[derive(Debug)]
pub struct MemorySet {
    pages: Vec<[u64; WORDS]>,
    next: usize,
    /// The pass that has written the pages from `next` on; those before were written by the one after it.
    pass: u64,
}

/// A word that is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Index of its page in the set.
    pub page: usize,
    /// Index of the word in the page.
    pub word: usize,
    /// What was written.
    pub written: u64,
    /// What was found.
    pub found: u64,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { page, word, written, found } = self;
        write!(f, "page {page}, word {word}: {found:#018x} in the place of {written:#018x}")
    }
}

fn value(page: usize, word: usize, pass: u64) -> u64 {
    ((page as u64) << 32 | word as u64).wrapping_add(pass.wrapping_mul(STEP))
}

fn fill(page: &mut [u64; WORDS], index: usize, pass: u64) {
    for (word, slot) in page.iter_mut().enumerate() {
        *slot = value(index, word, pass);
    }
}

impl MemorySet {
    /// A set of that many MiB, written once.
    pub fn new(mib: u32) -> Self {
        let mut pages = vec![[0; WORDS]; mib as usize * PAGES_PER_MIB];
        for (index, page) in pages.iter_mut().enumerate() {
            fill(page, index, 0);
        }
        Self { pages, next: 0, pass: 0 }
    }

    /// Whole passes so far.
    pub fn passes(&self) -> u64 {
        self.pass
    }

    /// Checks the next page and writes it anew; whether that was the last page of a pass.
    ///
    /// # Errors
    /// The first word of the page that was not as it was written. The page is written anew all the same, so that a later damage is seen, too.
    pub fn step(&mut self) -> Result<bool, Damage> {
        let (index, pass) = (self.next, self.pass);
        let Some(page) = self.pages.get_mut(index) else { return Ok(false) };
        let wrong = page.iter().enumerate().find(|&(word, &found)| found != value(index, word, pass));
        let damage = wrong.map(|(word, &found)| Damage { page: index, word, written: value(index, word, pass), found });
        fill(page, index, pass + 1);
        self.next += 1;
        let last = self.next == self.pages.len();
        if last {
            (self.next, self.pass) = (0, pass + 1);
        }
        damage.map_or(Ok(last), Err)
    }

    /// Overwrites a word, as a migration that goes wrong does.
    #[cfg(test)]
    fn damage(&mut self, page: usize, word: usize, by: u64) {
        self.pages[page][word] ^= by;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn memory_that_is_left_alone_is_found_as_it_was_written() {
        let mut set = MemorySet::new(1);
        let lasts: Vec<bool> = (0..3 * PAGES_PER_MIB).map(|_| set.step().unwrap()).collect();
        assert_eq!(lasts.iter().filter(|last| **last).count(), 3);
        assert_eq!(set.passes(), 3);
    }

    #[test]
    fn every_pass_changes_every_word() {
        let mut set = MemorySet::new(1);
        let before = set.pages.clone();
        while !set.step().unwrap() {}
        assert!(before.iter().flatten().zip(set.pages.iter().flatten()).all(|(one, other)| one != other));
    }

    #[test]
    fn an_empty_set_has_nothing_to_do() {
        assert_eq!(MemorySet::new(0).step(), Ok(false));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_changed_bit_is_seen_within_a_pass(steps in 0..300usize, page in 0..PAGES_PER_MIB, word in 0..WORDS, bit in 0..64u32) {
            let mut set = MemorySet::new(1);
            for _ in 0..steps {
                set.step().unwrap();
            }
            set.damage(page, word, 1 << bit);
            let seen: Vec<Damage> = (0..PAGES_PER_MIB).filter_map(|_| set.step().err()).collect();
            prop_assert_eq!(seen.len(), 1);
            prop_assert_eq!((seen[0].page, seen[0].word), (page, word));
            prop_assert!((0..PAGES_PER_MIB).all(|_| set.step().is_ok()), "it is told once");
        }

        /// A page of an older pass in the place of a newer one, as a pass of the copy that is left out leaves behind.
        #[test]
        fn a_stale_page_is_seen(page in 0..PAGES_PER_MIB) {
            let mut set = MemorySet::new(1);
            let old = set.pages[page];
            while !set.step().unwrap() {}
            set.pages[page] = old;
            let seen: Vec<Damage> = (0..PAGES_PER_MIB).filter_map(|_| set.step().err()).collect();
            prop_assert_eq!(seen.iter().map(|damage| damage.page).collect::<Vec<_>>(), [page]);
        }
    }
}
