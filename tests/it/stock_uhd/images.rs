//! Stock uhd_image_loader writes images into the radio's flash memory, which a file keeps.

use std::path::Path;

use crate::common::wire::{Bench, ended_well};

const LOADER: &str = "uhd_image_loader";

/// Where the images that the radio uses begin.
const FPGA_AT: usize = 0x18_0000;
const FIRMWARE_AT: usize = 0x30_0000;

fn pattern(head: &[u8], length: usize, step: usize) -> Vec<u8> {
    head.iter().copied().chain((0..length).map(|n| (n * step) as u8)).collect()
}

/// Runs the loader on images in a folder.
fn load(bench: &Bench, folder: &Path, arguments: &str, options: &[&str]) -> String {
    let mut loader = bench.network.at(0, LOADER);
    loader.args(["--args", &format!("type=usrp2,addr=192.168.10.2{arguments}")]);
    loader.arg("--fw-path").arg(folder.join("firmware")).arg("--fpga-path").arg(folder.join("fpga"));
    ended_well(loader.args(options))
}

#[test]
fn the_image_loader_erases_writes_verifies_and_resets() {
    let folder = tempfile::tempdir().expect("a folder");
    let flash = folder.path().join("flash");
    let Some(bench) = Bench::new(1, &["--flash", &flash.display().to_string()]) else { return };
    let fpga = pattern(&[&[0xFF; 16][..], &[0xAA, 0x99]].concat(), 100_000, 7);
    let firmware = pattern(&[0x0B; 4], 20_001, 5);
    std::fs::write(folder.path().join("fpga"), &fpga).expect("writes");
    std::fs::write(folder.path().join("firmware"), &firmware).expect("writes");
    let kept = |at: usize, length: usize| std::fs::read(&flash).expect("the flash memory")[at..at + length].to_vec();
    let said = load(&bench, folder.path(), "", &["--no-fpga"]);
    assert!(said.contains("Unit: USRP N210 r4 (") && said.contains("Verifying firmware image...successful"), "{said}");
    assert!(!said.contains("FPGA image") && !said.contains("Resetting"), "{said}");
    assert_eq!(kept(FIRMWARE_AT, firmware.len()), firmware);
    assert_ne!(kept(FPGA_AT, fpga.len()), fpga);
    let said = load(&bench, folder.path(), ",reset", &["--no-fw"]);
    for words in ["Erasing FPGA image...successful", "Verifying FPGA image...successful", "Resetting device...successful"] {
        assert!(said.contains(words), "no `{words}` in\n{said}");
    }
    assert_eq!((kept(FPGA_AT, fpga.len()), kept(FIRMWARE_AT, firmware.len())), (fpga, firmware));
    // It has started anew, and works.
    assert!(bench.run("uhd_usrp_probe", "").contains("FW Version: 12.4"));
}
