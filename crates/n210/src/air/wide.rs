//! Inner loops with the vectors that this processor has: binaries are built for the oldest of its kind.

/// Does what is inlined into `work` with vectors of 256 bits where there are any. The results are the same to the bit: nothing is rounded otherwise.
#[inline(always)]
pub fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn wide<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            #[expect(unsafe_code, reason = "the processor has been asked whether it has these instructions")]
            return unsafe { wide(work) };
        }
    }
    work()
}
