//! The first process of the guest that the method `vm` moves (docs/other-ways-vm.md): an executable of its own, since all of it becomes memory of
//! the guest.

fn main() {
    guest::run();
}
