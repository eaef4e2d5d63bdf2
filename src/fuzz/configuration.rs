//! Files as if an operator had written them.

use config::Config;

use crate::ui;

/// A text as a cluster file, a scene, a line of the radio's command socket and a settings file: it is refused with a sentence, or what is read
/// can be written and read again.
///
/// # Panics
/// Otherwise.
pub fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Config::parse(text) {
        Ok(config) => cluster(&config),
        Err(failure) => assert!(!failure.message.is_empty()),
    }
    // In tests of this package alone, that door is shut: the software N210 tests its own.
    #[cfg(feature = "fuzz")]
    n210::fuzz::scene(text);
    ui::fuzz::settings(text);
}

fn cluster(config: &Config) {
    let written = toml::to_string(config).unwrap_or_else(|e| panic!("{e}: {config:?}"));
    let again = Config::parse(&written).unwrap_or_else(|failure| panic!("{failure}: {written}"));
    assert_eq!(again, *config);
    for host in config.host.keys() {
        config.radio_of(host).unwrap_or_else(|failure| panic!("{failure}"));
    }
}
