//! Where the radios of the command line stand, and who they are.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use protocol::{ErrorCode, Failure};

use super::board::eeprom::RadioIdentity;
use super::board::flash::Flash;
use super::board::given_identity::{self, GivenIdentity};
use super::scene::Scene;

/// What a single radio is called that nobody has named.
pub const UNNAMED: &str = "n210";

/// Most radios of a process.
pub const MAX_RADIOS: usize = 8;

/// Where a radio stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its name, from which its MAC and serial number follow.
    pub name: String,
    /// Network namespace; none is the present one.
    pub namespace: Option<String>,
    /// Interface; none is the one for all.
    pub interface: Option<String>,
    /// Who it is said to be.
    pub given: GivenIdentity,
    /// File of its flash memory.
    pub flash: Option<PathBuf>,
}

impl FromStr for Site {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, place) = text.split_once(['=', '@']).ok_or("a radio is NAME=NETNS or NAME=NETNS/INTERFACE")?;
        let (place, rest) = place.split_once(',').map_or((place, None), |(place, rest)| (place, Some(rest)));
        let (namespace, interface) = place.split_once('/').map_or((place, None), |(space, name)| (space, Some(name)));
        let odd = |part: &str| part.is_empty() || part.starts_with('.') || part.contains(|c: char| c == '/' || output::acts(c));
        if odd(name) || odd(namespace) || interface.is_some_and(odd) {
            return Err(format!("`{text}` has an empty or impossible part"));
        }
        let mut site =
            Self { name: name.into(), namespace: Some(namespace.into()), interface: interface.map(Into::into), ..Self::unnamed() };
        rest.map_or(Ok(()), |rest| site.read(rest))?;
        Ok(site)
    }
}
impl Site {
    /// The radio that runs where none is named.
    pub fn unnamed() -> Self {
        Self { name: UNNAMED.into(), namespace: None, interface: None, given: GivenIdentity::default(), flash: None }
    }

    /// Reads `addr=A,serial=S,mac=M,flash=FILE`, or some of it.
    fn read(&mut self, text: &str) -> Result<(), String> {
        let given = &mut self.given;
        for part in text.split(',') {
            let twice = match part.split_once('=') {
                Some(("addr", value)) => given.ip.replace(given_identity::ip(value)?).is_some(),
                Some(("serial", value)) => given.serial.replace(given_identity::serial(value)?).is_some(),
                Some(("mac", value)) => given.mac.replace(given_identity::mac(value)?).is_some(),
                Some(("flash", value)) if !value.is_empty() => self.flash.replace(value.into()).is_some(),
                _ => return Err(format!("`{part}` is none of addr=, serial=, mac= and flash=")),
            };
            if twice {
                return Err(format!("`{part}` says a second time what was said"));
            }
        }
        Ok(())
    }

    /// Its interface, where `default` is the one for all.
    pub fn interface<'a>(&'a self, default: &'a str) -> &'a str {
        self.interface.as_deref().unwrap_or(default)
    }

    /// Its namespace and interface, for people.
    pub fn place(&self, default: &str) -> String {
        let interface = self.interface(default);
        self.namespace.as_ref().map_or_else(|| interface.to_owned(), |namespace| format!("{namespace}/{interface}"))
    }
}

fn wrong<T>(message: String) -> Result<T, Failure> {
    Err(Failure::new(ErrorCode::Config, message))
}

/// The sites of the command line.
///
/// # Errors
/// Too many radios, or two of one name.
pub fn sites(radios: &[Site]) -> Result<Vec<Site>, Failure> {
    if radios.is_empty() {
        return Ok(vec![Site::unnamed()]);
    }
    if radios.len() > MAX_RADIOS {
        return wrong(format!("{} radios are more than the {MAX_RADIOS} that one process runs", radios.len()));
    }
    for (i, site) in radios.iter().enumerate() {
        if radios[..i].iter().any(|other| other.name == site.name) {
            return wrong(format!("two radios are called `{}`; names must differ", site.name));
        }
    }
    Ok(radios.to_vec())
}

/// The flash memories that are in files, each with the number of its radio. `flash` is the file of the only radio.
///
/// # Errors
/// One file for several radios, or a file that is none of a flash memory.
pub fn flashes(sites: &[Site], flash: Option<&Path>) -> Result<Vec<(usize, Flash)>, Failure> {
    if flash.is_some() && sites.len() > 1 {
        return wrong("--flash is for a single radio; put flash=FILE behind each --radio that is to have one".into());
    }
    let files = sites.iter().map(|site| site.flash.as_deref().or(flash)).enumerate();
    files
        .filter_map(|(radio, file)| Some((radio, file?)))
        .map(|(radio, file)| Ok((radio, open_flash(&sites[radio], file)?)))
        .collect()
}

fn open_flash(site: &Site, file: &Path) -> Result<Flash, Failure> {
    Flash::in_file(file)
        .or_else(|error| wrong(format!("{} cannot be the flash memory of radio `{}`: {error}", file.display(), site.name)))
}

/// Who the radios are: what the scene says, then what their sites say, then what follows from their names. `addr` is for all of which
/// nothing else is said.
///
/// # Errors
/// Two radios share what must differ.
pub fn identities(sites: &[Site], scene: &Scene, addr: Ipv4Addr) -> Result<Vec<RadioIdentity>, Failure> {
    let all: Vec<(RadioIdentity, bool)> = sites
        .iter()
        .zip(&scene.radios)
        .map(|(site, radio)| {
            let given = radio.given.clone().or(site.given.clone());
            let ip = given.ip.unwrap_or(addr);
            // Nobody has named it: UHD takes two radios of one serial number for one.
            let unnamed = site.namespace.is_none() && site.name == UNNAMED;
            let own = if unnamed { RadioIdentity::of_process(&site.name, ip) } else { RadioIdentity::new(&site.name, ip) };
            let identity = RadioIdentity {
                mac: given.mac.unwrap_or(own.mac),
                serial: given.serial.unwrap_or(own.serial),
                equipment: radio.equipment,
                ..own
            };
            (identity, given.ip.is_some())
        })
        .collect();
    for (i, (one, own_ip)) in all.iter().enumerate() {
        for (j, (other, other_own_ip)) in all[..i].iter().enumerate() {
            let shared = if one.mac == other.mac {
                "hardware address (`mac`)"
            } else if one.serial == other.serial {
                "serial number (`serial`)"
            // Each on a wire of its own may have the address that all have.
            } else if one.ip == other.ip && ((*own_ip && *other_own_ip) || sites[i].namespace == sites[j].namespace) {
                "address (`addr`)"
            } else {
                continue;
            };
            let (one, other) = (&one.name, &other.name);
            return wrong(format!(
                "radios `{other}` and `{one}` have one {shared}; give one of them another, in --radio or in the scene"
            ));
        }
    }
    Ok(all.into_iter().map(|(identity, _)| identity).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::air::medium::{Medium, Path};
    use crate::board::Equipment;
    use crate::scene::Defaults;

    const ADDR: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 2);

    #[test]
    fn radios_are_named_with_their_place_and_who_they_are() {
        let site = |namespace: &str, interface: Option<&str>, given| Site {
            name: "pool".into(),
            namespace: Some(namespace.into()),
            interface: interface.map(Into::into),
            given,
            flash: None,
        };
        let nothing = GivenIdentity::default;
        assert_eq!("pool=n210".parse(), Ok(site("n210", None, nothing())));
        assert_eq!("pool@n210/eth1".parse(), Ok(site("n210", Some("eth1"), nothing())));
        let given =
            GivenIdentity { ip: Some(Ipv4Addr::new(10, 0, 0, 9)), serial: Some("F00D".into()), mac: Some([2, 0, 0, 0, 0, 7]) };
        assert_eq!("pool=n210/eth1,serial=F00D,mac=02:00:00:00:00:07,addr=10.0.0.9".parse(), Ok(site("n210", Some("eth1"), given)));
        for wrong in [
            "pool",
            "=n210",
            "pool=",
            "pool=../x",
            "pool=a/b/c",
            "pool=n210/",
            "pool=n210,",
            "pool=n210,addr",
            "pool=n210,addr=10.0.0.0",
            "pool=n210,serial=1,serial=1",
            "pool=n210,name=x",
            "pool=n210,flash=",
            "pool=n210,flash=a,flash=b",
            "pool=,addr=10.0.0.9",
        ] {
            assert!(wrong.parse::<Site>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_flash_memory_is_one_radios() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("flash");
        let sites: Vec<Site> = vec![format!("a=x,flash={}", file.display()).parse().unwrap(), "b=y".parse().unwrap()];
        assert_eq!(flashes(&sites, None).unwrap().iter().map(|(radio, _)| *radio).collect::<Vec<_>>(), [0]);
        assert!(flashes(&sites, Some(&file)).is_err_and(|failure| failure.message.contains("single radio")));
        assert_eq!(flashes(&sites[1..], Some(&file)).unwrap().len(), 1);
        let twice = [&sites[..1], &sites[..1]].concat();
        assert!(flashes(&twice, None).is_err_and(|failure| failure.message.contains("another radio has it")));
    }

    fn named(radios: &[&str], scene: &str) -> Result<Vec<RadioIdentity>, Failure> {
        let sites = sites(&radios.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>())?;
        let medium = Medium { path: Path::default(), noise_dbfs: -60.0, seed: 1 };
        let defaults = Defaults { medium, equipment: Equipment::default() };
        let names = sites.iter().map(|site| site.name.clone()).collect();
        identities(&sites, &Scene::parse(None, scene, names, defaults)?, ADDR)
    }

    #[test]
    fn a_scene_overrules_the_command_line_and_the_name_says_the_rest() {
        let radios = ["a=x,serial=A1,mac=02:00:00:00:00:07", "b=y,addr=192.168.10.3"];
        let all = named(&radios, "[[radio]]\nname = \"a\"\nserial = \"A2\"\naddr = \"192.168.10.4\"").unwrap();
        assert_eq!((all[0].ip.octets()[3], &all[0].serial[..], all[0].mac), (4, "A2", [2, 0, 0, 0, 0, 7]));
        let b = RadioIdentity::new("b", Ipv4Addr::new(192, 168, 10, 3));
        assert_eq!((all[1].ip, &all[1].serial, all[1].mac), (b.ip, &b.serial, b.mac));
    }

    #[test]
    fn two_radios_may_share_only_the_address_that_all_have() {
        let shared = |radios: &[&str], scene: &str| named(radios, scene).map(|_| ()).map_err(|failure| failure.message);
        assert_eq!(shared(&["a=x", "b=y"], ""), Ok(()));
        assert_eq!(shared(&["a=x", "b=y,addr=192.168.10.2"], ""), Ok(()));
        for (radios, scene, word) in [
            (["a=x", "b=x"], "", "`addr`"),
            (["a=x,addr=10.0.0.9", "b=y,addr=10.0.0.9"], "", "`addr`"),
            (["a=x,addr=10.0.0.9", "b=y"], "[[radio]]\nname = \"b\"\naddr = \"10.0.0.9\"", "`addr`"),
            (["a=x,serial=1", "b=y,serial=1"], "", "`serial`"),
            (["a=x,mac=02:00:00:00:00:07", "b=y,mac=02:00:00:00:00:07"], "", "`mac`"),
        ] {
            let said = shared(&radios, scene).expect_err(word);
            assert!(said.contains(word) && said.contains("radios `a` and `b` have one"), "{said}");
        }
        assert!(shared(&["a=x", "a=y"], "").is_err_and(|said| said.contains("two radios are called `a`")));
    }
}
