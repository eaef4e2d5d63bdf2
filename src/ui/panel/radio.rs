//! The middle of the stage: the radio, the arrow to its owner, and the story of the migration.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use super::{below, centred, framed, line, lines, span, story};
use crate::ui::model::Model;
use crate::ui::text::{clip, duration, first_that_fits, hertz, one_line, scaled, short_name};
use config::DeviceArgs;
use protocol::{ProcessState, RadioOwner, Telemetry};

/// Rows of the drawing of the radio: in full, without its frequencies, with its address alone.
const RADIO_ROWS: [u16; 3] = [5, 4, 3];
/// Rows of the panel from which each of the first two is drawn: the figure that is read from the back row goes before frequencies.
const TALL: [u16; 2] = [16, 12];

/// Columns of an arrow: least, most.
const ARM: [u16; 2] = [3, 12];

/// Cells from one ripple of a flow to the next, and how many a second they move: one a frame at rest.
const RIPPLE: usize = 4;
const CELLS_PER_S: f64 = 5.0;

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let rows = match area.height {
        h if h >= TALL[0] => RADIO_ROWS[0],
        h if h >= TALL[1] => RADIO_ROWS[1],
        h => RADIO_ROWS[2].min(h),
    };
    let (mut owner, style) = owner_sentence(model, usize::from(area.width));
    if let (true, RadioOwner::Host(host)) = (owner.is_empty(), model.owner()) {
        owner = short_name(&host, usize::from(area.width), model.skin.glyphs.ellipsis);
    }
    radio(model, Rect { height: rows, ..area }, buf);
    line(area, area.y + rows, buf, &centred(Line::from(span(owner, style)), area.width));
    if area.height >= TALL[0] {
        let evidence = Line::from(span(evidence(model, usize::from(area.width)), model.skin.theme.dim));
        line(area, area.y + rows + 1, buf, &centred(evidence, area.width));
    }
    story::draw(model, below(area, rows + 1 + 2 * u16::from(area.height >= TALL[0])), buf);
}

fn owner_sentence(model: &Model, room: usize) -> (String, Style) {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    match model.owner() {
        // Nobody has said so, as long as one of the two was not heard.
        RadioOwner::Nobody => match model.pool().into_iter().find(|host| model.telemetry(host).is_none()) {
            Some(host) => (lang.fill("owner unknown, no {0}", &[&host]), t.warn),
            None => (lang.tr("NOBODY owns the radio").into(), t.warn),
        },
        RadioOwner::Host(host) => match model.stale_ms(&host) {
            Some(age) => {
                let full = lang.fill("{0} owned it {1} ago", &[&host, &duration(age)]);
                (first_that_fits([full, lang.fill("{0}, {1} ago", &[&host, &duration(age)]), host], room), t.warn)
            }
            None => match model.pool().into_iter().find(|other| *other != host && model.holds_radio(other)) {
                Some(other) => (lang.fill("{0} owns it, {1} lost", &[&host, &other]), t.warn),
                None => {
                    let full = lang.fill("{0} owns the radio", &[&host]);
                    let (with_epoch, style) = match model.ownership() {
                        Some((epoch, owner)) if owner == host => {
                            let text = lang.fill("{0} owns the radio, epoch {1}", &[&host, &epoch]);
                            // Off the frames of the servers; the header has the epoch, too.
                            (if text.width() + 2 <= room { text } else { full.clone() }, t.owner)
                        }
                        // The address has moved and the epoch has not, or the other way round.
                        Some((epoch, owner)) => (lang.fill("{0} has it, epoch {1} is {2}'s", &[&host, &epoch, &owner]), t.warn),
                        None => (full.clone(), t.owner),
                    };
                    (first_that_fits([with_epoch, full, lang.fill("{0} is owner", &[&host]), host], room), style)
                }
            },
        },
        RadioOwner::Conflict(hosts) => {
            let both = hosts.join(lang.tr(" and "));
            let full = lang.fill("CONFLICT: {0} own it", &[&both]);
            let short = lang.fill("CONFLICT: {0}", &[&both]);
            (if full.width() <= room { full } else { short }, t.bad)
        }
    }
}

/// What says so: the address of the owner's eth3, and which agents name the newest epoch and its owner.
fn evidence(model: &Model, room: usize) -> String {
    let lang = model.skin.lang;
    let RadioOwner::Host(host) = model.owner() else { return String::new() };
    let Some(telemetry) = model.telemetry(&host) else { return String::new() };
    let config = &model.config;
    let address = if telemetry.serves_parked { config.parked_of(&host) } else { config.addresses.active }.address();
    let seen = lang.fill("{0} has {1}", &[&one_line(&telemetry.radio_port.name), &address]);
    let newest = model.ownership();
    let agree = |host: &&str| {
        let telemetry = model.telemetry(host).filter(|_| model.is_heard(host));
        newest.is_some() && telemetry.is_some_and(|t| t.owner_epoch.zip(t.owner.as_deref()) == newest)
    };
    let agents: Vec<&str> = model.pool().into_iter().filter(agree).collect();
    let full = match (newest, agents.is_empty()) {
        (Some((epoch, _)), false) => lang.fill("{0}; epoch {1}: {2}", &[&seen, &epoch, &agents.join(", ")]),
        _ => seen.clone(),
    };
    first_that_fits([full, seen], room)
}

/// Where the radio is: its address on the network, or else its type.
fn place(args: &DeviceArgs) -> String {
    let kind = || one_line(args.other_type().unwrap_or("radio"));
    args.address().map_or_else(kind, |address| address.to_string())
}

/// The box of the radio and the arrow to each owner, drawn to the edge on the owner's side.
fn radio(model: &Model, area: Rect, buf: &mut Buffer) {
    let (t, g) = (&model.skin.theme, &model.skin.glyphs);
    let [one, two] = model.pool();
    let host = model.config.host.get(one);
    let name = host.map_or("radio", |host| host.radio.as_str());
    let radio = model.config.radio.get(name);
    let address = radio.map_or_else(|| "radio".into(), |radio| place(&radio.args));
    // The arrows give way to the address, down to a head and a shaft of two cells.
    let arm = (area.width / 5).min(area.width.saturating_sub(address.width() as u16 + 2) / 2).clamp(ARM[0], ARM[1]);
    if area.width < 3 * arm || area.height < 3 {
        return;
    }
    let place = Rect { x: area.x + arm, width: area.width - 2 * arm, ..area };
    let inner = framed(place, buf, (g.thin, t.base), &Line::default(), &Line::default());
    let title = clip(&format!(" {name} "), usize::from(inner.width), g.ellipsis);
    let x = inner.x + (inner.width.saturating_sub(title.width() as u16)) / 2;
    line(
        Rect { x, y: place.y, width: inner.right().saturating_sub(x), height: 1 },
        place.y,
        buf,
        &Line::from(span(title, t.strong)),
    );
    let mut rows = vec![address];
    if let Some(radio) = radio {
        let room = usize::from(inner.width);
        let (tx, rx) = (hertz(radio.tx_freq), hertz(radio.rx_freq));
        let short = format!("tx {:.0} rx {:.0} MHz", radio.tx_freq / 1e6, radio.rx_freq / 1e6);
        if inner.height >= 3 {
            rows.push(first_that_fits([format!("tx {tx}  rx {rx}"), short, format!("tx {tx}")], room));
        }
        let (what, rate) = rate(model, radio.rate);
        rows.push(first_that_fits([format!("{} {rate}", model.skin.lang.tr(what)), rate], room));
    }
    let mut styles = [t.strong, t.dim, t.dim];
    // What the radio did not do as it was asked stands in the place of what it was asked.
    let warning = model.pool().into_iter().filter_map(|host| model.telemetry(host)).find_map(|host| host.usrp.warnings.first());
    if let (Some(warning), Some(last)) = (warning, rows.last_mut()) {
        styles[2] = t.warn;
        styles[1] = if inner.height >= 3 { t.dim } else { t.warn };
        *last = clip(&format!("! {}", model.skin.lang.said(&one_line(warning))), usize::from(inner.width), g.ellipsis);
    }
    lines(inner, buf, rows.into_iter().zip(styles).map(|(text, style)| centred(Line::from(span(text, style)), inner.width)));

    let y = place.y + place.height / 2;
    for (host, on_left) in [(one, true), (two, false)] {
        if !model.holds_radio(host) {
            continue;
        }
        let running = model.telemetry(host).filter(|x| x.usrp.state == ProcessState::Running && model.stale_ms(host).is_none());
        let (flows, length) = (running.is_some(), usize::from(arm) - 1);
        let shaft = match running {
            Some(telemetry) => shaft(model, telemetry, length, on_left),
            None => g.broken_shaft.repeat(length),
        };
        let text = if on_left { format!("{}{shaft}", g.left) } else { format!("{shaft}{}", g.right) };
        let x = if on_left { area.x } else { place.right() };
        let style = if flows { t.owner } else { t.warn };
        line(Rect { x, width: arm, ..area }, y, buf, &Line::from(span(text, style)));
    }
}

/// A shaft along which samples flow: its ripple moves with their number, away from the radio, and stands still when they do.
fn shaft(model: &Model, owner: &Telemetry, length: usize, on_left: bool) -> String {
    let g = &model.skin.glyphs;
    let rate = model
        .config
        .host
        .get(owner.host.as_str())
        .and_then(|host| model.config.radio.get(&host.radio))
        .map_or(0.0, |radio| radio.rate);
    let seconds = if rate > 0.0 { owner.usrp.counters.map_or(0.0, |c| c.rx_samples as f64 / rate) } else { 0.0 };
    // Finite and not negative; only the place in the period counts.
    let at = (seconds * CELLS_PER_S) as usize % RIPPLE;
    let cell = |i: usize| {
        let from_radio = if on_left { length - 1 - i } else { i };
        if from_radio % RIPPLE == at { g.ripple } else { g.shaft }
    };
    (0..length).map(cell).collect()
}

/// Samples per second: measured at the owner while they flow, else as configured.
fn rate(model: &Model, configured: f64) -> (&'static str, String) {
    let flowing = match model.owner() {
        RadioOwner::Host(host) => model.host(&host).and_then(|view| view.sample_rates).filter(|_| model.stale_ms(&host).is_none()),
        RadioOwner::Nobody | RadioOwner::Conflict(_) => None,
    };
    match flowing {
        Some([rx, _]) if rx > 0.0 => ("flow", scaled(rx, "sps")),
        _ => ("set to", scaled(configured, "sps")),
    }
}
