//! Prints what a received sample costs the software N210, case by case.
//!
//!     cargo bench -p n210 --features bench --bench reception

fn main() {
    n210::nanoseconds_per_sample(&mut |line| println!("{line}"));
}
