//! What `baton init` has to know, from options, from answers, or as in the lab.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::Ipv4Addr;

use super::ask::Asker;
use super::offers::Offers;
use super::values::{self, HostAt, PortOf, RadioAt};
use super::{Args, usual_port};
use config::{BadValue, Cidr, HostName, InterfaceName, Reference};
use protocol::{ErrorCode, Failure};

/// The N210's address when it leaves its maker.
const USUAL_RADIO: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 2);
/// Parked addresses: the first one that is not in the radio's subnet.
const PARKED: [&str; 2] = ["192.168.20.2/24", "192.168.30.2/24"];

/// Everything that the cluster file is written from.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// Where the work starts, where it goes to, then the others.
    pub hosts: Vec<HostAt>,
    /// The host that probes.
    pub far_end: Option<HostName>,
    /// The interface towards the radio, by host.
    pub ports: BTreeMap<HostName, InterfaceName>,
    /// The radio of the first two hosts.
    pub radio: RadioAt,
    /// The far end's; there is none without a far end.
    pub far_radio: RadioAt,
    /// Address of the host that the radio talks to.
    pub active: Cidr,
    /// Address of a host that must not own it.
    pub parked: Cidr,
    /// Address of tun that moves with the work.
    pub tun_address: Cidr,
    /// Address of the far end's tun.
    pub far_tun_address: Cidr,
    /// Transmit and receive carrier of the shared radio, Hz.
    pub carriers: (f64, f64),
    /// Gain both ways, dB.
    pub gain: f64,
    /// Transmit and receive antenna.
    pub antennas: (String, String),
    /// Clock and time.
    pub reference: Reference,
}

/// Where an answer comes from that no option has given.
struct Source<'a, 'b>(Option<&'a mut Asker<'b>>);

impl Source<'_, '_> {
    /// What was given, or the answer, or without questions the usual one. `flag` is the option that gives it.
    fn get<T, E: Display>(
        &mut self,
        given: Option<T>,
        (flag, question): (&str, &str),
        usual: Option<&str>,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, Failure> {
        if let Some(given) = given {
            return Ok(given);
        }
        match (&mut self.0, usual) {
            (Some(asker), usual) => asker.ask(question, usual, read),
            (None, Some(usual)) => {
                read(usual).map_err(|e| Failure::new(ErrorCode::BadRequest, format!("{flag} must be given: {e}")))
            }
            (None, None) => Err(Failure::new(ErrorCode::BadRequest, format!("{flag} is missing, and --yes lets nothing be asked"))
                .hint(format!("give {flag}, or leave --yes out"))),
        }
    }
}

impl Answers {
    /// Takes what the options give and asks for the rest.
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`]: an answer is missing, or options do not go together.
    pub fn collect(args: &Args, offers: &Offers, asker: Option<&mut Asker<'_>>) -> Result<Self, Failure> {
        let mut source = Source(asker);
        let (hosts, far_end) = hosts(args, &mut source)?;
        let ports = ports(args, offers, &hosts, &mut source)?;
        let found = offers.radio().unwrap_or(USUAL_RADIO).to_string();
        let given = args.radio.clone();
        let radio = source
            .get(given, ("--radio", "Address of the radio that they share"), Some(&found), |text| named_radio(text, "pool"))?;
        let far_radio = match &far_end {
            None => RadioAt { name: "far".parse()?, address: radio.address },
            Some(host) => {
                let question = format!("Address of the radio of {host}, on a network of its own");
                let usual = radio.address.to_string();
                source.get(args.far_radio.clone(), ("--far-radio", &question), Some(&usual), |text| {
                    named_radio(text, "far").and_then(|far| apart(far, &radio))
                })?
            }
        };
        let far_radio = apart(far_radio, &radio).map_err(|bad| bad.into_failure(ErrorCode::BadRequest))?;
        let active = usual_active(radio.address);
        let active = source.get(
            args.active,
            ("--active", "Address, with prefix length, of the host that the radio talks to"),
            Some(&active),
            |text| text.parse::<Cidr>().and_then(|active| reaches(active, &radio).and_then(|active| reaches(active, &far_radio))),
        )?;
        let parked = PARKED.iter().find(|parked| parked.parse::<Cidr>().is_ok_and(|parked| !parked.overlaps(active)));
        let parked = source.get(
            args.parked,
            ("--parked", "Address, in another subnet, of a host that must not own it"),
            parked.copied(),
            |text| text.parse::<Cidr>().and_then(|parked| elsewhere(parked, active)),
        )?;
        let carriers = carriers(args, &mut source)?;
        Ok(Self {
            gain: source.get(args.gain, ("--gain", "Gain both ways, dB"), Some("0"), values::gain)?,
            antennas: (
                source.get(args.tx_ant.clone(), ("--tx-ant", "Transmit antenna, as UHD lists it"), Some("A"), values::antenna)?,
                source.get(args.rx_ant.clone(), ("--rx-ant", "Receive antenna, as UHD lists it"), Some("A"), values::antenna)?,
            ),
            reference: source.get(
                args.reference,
                ("--ref", "Where the radios take clock and time from (internal, external, mimo, gpsdo)"),
                Some("internal"),
                values::reference,
            )?,
            tun_address: args.tun_address.map_or_else(|| "192.168.40.9/24".parse(), Ok)?,
            far_tun_address: args.far_tun_address.map_or_else(|| "192.168.40.8/24".parse(), Ok)?,
            hosts,
            far_end,
            ports,
            radio,
            far_radio,
            active,
            parked,
            carriers,
        })
    }
}

fn hosts(args: &Args, source: &mut Source<'_, '_>) -> Result<(Vec<HostAt>, Option<HostName>), Failure> {
    let mut hosts: Vec<HostAt> = Vec::new();
    for given in &args.host {
        hosts.push(another(given.clone(), &hosts).map_err(|bad| bad.into_failure(ErrorCode::BadRequest))?);
    }
    let asked = [
        "Name and address of the host where the work starts, as in server1=10.77.0.11",
        "Name and address of the host where the work goes to, as in server2=10.77.0.12",
    ];
    while let Some(question) = asked.get(hosts.len()) {
        let host = source.get(None, ("--host NAME=ADDRESS, twice or more,", question), None, |text| {
            text.parse::<HostAt>().and_then(|host| another(host, &hosts))
        })?;
        hosts.push(host);
    }
    if let Some(far_end) = &args.far_end {
        let place = hosts.iter().position(|host| host.name == *far_end);
        if place.is_none_or(|place| place < asked.len()) {
            let text = format!("the far end {far_end} is none of the hosts, or one of the first two, which share a radio");
            return Err(
                Failure::new(ErrorCode::BadRequest, text).hint(format!("name it as the third host: --host {far_end}=ADDRESS"))
            );
        }
        return Ok((hosts, Some(far_end.clone())));
    }
    if hosts.len() > asked.len() || source.0.is_none() {
        return Ok((hosts, None));
    }
    let question = "Name and address of the host at the other end of the air, as in server3=10.77.0.13, or none";
    let far = source.get(None, ("--far-end", question), Some("none"), |text| match text {
        "none" => Ok(None),
        text => text.parse::<HostAt>().and_then(|host| another(host, &hosts)).map(Some),
    })?;
    let name = far.as_ref().map(|host| host.name.clone());
    hosts.extend(far);
    Ok((hosts, name))
}

fn ports(
    args: &Args,
    offers: &Offers,
    hosts: &[HostAt],
    source: &mut Source<'_, '_>,
) -> Result<BTreeMap<HostName, InterfaceName>, Failure> {
    if let Some(unknown) =
        args.radio_port.iter().filter_map(|port| port.host.as_ref()).find(|name| hosts.iter().all(|host| host.name != **name))
    {
        return Err(Failure::new(ErrorCode::BadRequest, format!("--radio-port names the host {unknown}, and no --host does"))
            .hint(format!("add --host {unknown}=ADDRESS, or leave it out")));
    }
    let of = |name: &HostName| {
        let of_host = |port: &&PortOf| port.host.as_ref() == Some(name);
        let found = args.radio_port.iter().find(of_host).or_else(|| args.radio_port.iter().find(|port| port.host.is_none()));
        found.map(|port| port.interface.clone())
    };
    let mut ports = BTreeMap::new();
    let mut usual = usual_port();
    for host in hosts {
        let question = format!("Interface of {} towards its radio", host.name);
        // What this machine shows tells of itself alone.
        let offered = offers.radio_port().filter(|_| offers.is_here(&host.address)).unwrap_or_else(|| usual.to_string());
        let port = source.get(of(&host.name), ("--radio-port", &question), Some(&offered), |text| text.parse::<InterfaceName>())?;
        usual.clone_from(&port);
        ports.insert(host.name.clone(), port);
    }
    Ok(ports)
}

fn carriers(args: &Args, source: &mut Source<'_, '_>) -> Result<(f64, f64), Failure> {
    let transmit = source.get(
        args.tx_freq,
        ("--tx-freq", "Centre frequency at which the shared radio transmits, Hz"),
        Some("10e6"),
        values::frequency,
    )?;
    let receive = source.get(
        args.rx_freq,
        ("--rx-freq", "Centre frequency at which it receives, and the far end transmits, Hz"),
        Some("20e6"),
        values::frequency,
    )?;
    Ok((transmit, receive))
}

fn another(host: HostAt, hosts: &[HostAt]) -> Result<HostAt, BadValue> {
    match hosts.iter().find(|other| other.name == host.name || other.address == host.address) {
        None => Ok(host),
        Some(other) => {
            let wrong = format!("{}={} has the name or the address of {}={}", host.name, host.address, other.name, other.address);
            Err(BadValue::new(wrong, "each host has its own"))
        }
    }
}

/// An address alone, or with a name.
fn named_radio(text: &str, name: &str) -> Result<RadioAt, BadValue> {
    if text.contains('=') { text.parse() } else { Ok(RadioAt { name: name.parse()?, address: values::radio_address(text)? }) }
}

fn apart(far: RadioAt, pool: &RadioAt) -> Result<RadioAt, BadValue> {
    if far.name == pool.name {
        return Err(BadValue::new(
            format!("{} is the name of the shared radio", far.name),
            "the far end's radio has a name of its own",
        ));
    }
    Ok(far)
}

/// The first address of the radio's /24 network, or the second one where the radio has the first.
fn usual_active(radio: Ipv4Addr) -> String {
    let [first, second, third, last] = radio.octets();
    format!("{}/24", Ipv4Addr::new(first, second, third, if last == 1 { 2 } else { 1 }))
}

fn reaches(active: Cidr, radio: &RadioAt) -> Result<Cidr, BadValue> {
    let RadioAt { name, address } = radio;
    if active.address() == *address {
        return Err(BadValue::new(format!("{address} is the address of the radio {name} itself"), "a host has another one"));
    }
    if !active.contains(*address) || active.is_of_no_host() {
        let wrong = format!("at {active} no host reaches the radio {name}, which is at {address}");
        return Err(BadValue::new(wrong, format!("take an address of the radio's subnet, as {}", usual_active(*address))));
    }
    Ok(active)
}

fn elsewhere(parked: Cidr, active: Cidr) -> Result<Cidr, BadValue> {
    if parked.overlaps(active) || parked.is_of_no_host() {
        let wrong = format!("{parked} is in the subnet of the active address {active}, or the address of no host");
        return Err(BadValue::new(wrong, "take an address of another subnet, as 192.168.20.2/24"));
    }
    Ok(parked)
}
