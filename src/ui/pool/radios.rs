//! The radios of a pool: the one on the screens, and the others behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::PoolPage;
use super::planning::look_at_headroom;
use crate::ui::model::Model;
use crate::ui::msg::{Effect, Heard, Purpose};
use crate::ui::place::Screen;
use config::{RadioName, RadioViews};

/// Up to so many radios the console asks what their agents remember when it connects: each question is a connection of its own.
const REMEMBERED: usize = 16;

impl Model {
    /// Gives a console the whole pool; it is about one of its radios.
    pub fn in_pool(&mut self, views: Arc<RadioViews>) {
        let others = views.radios().iter().filter(|(name, _)| *name != self.radio()).map(|(name, view)| {
            let mut other = Self::new(Arc::new(view.clone()), self.skin, self.by.clone(), self.at);
            other.take_settings_of(self);
            (name.clone(), other)
        });
        let others: BTreeMap<RadioName, Self> = others.collect();
        self.pool_page = Some(Box::new(PoolPage::new(views, others)));
    }

    /// The radio that this is about.
    pub fn radio(&self) -> &RadioName {
        self.config.moved_radio()
    }

    /// Whether the help is of the Pool page, from which it was opened.
    pub fn explains_pool(&self) -> bool {
        let from = if matches!(self.screen, Screen::Help { .. }) { self.before_help } else { self.screen };
        from == Screen::Pool
    }

    /// Whether there are other radios.
    pub fn has_others(&self) -> bool {
        self.pool_page.as_ref().is_some_and(|page| !page.others.is_empty())
    }

    /// Every radio of the pool, by name.
    pub fn radios(&self) -> BTreeMap<&RadioName, &Self> {
        let others = self.pool_page.iter().flat_map(|page| &page.others);
        others.chain([(self.radio(), self)]).collect()
    }

    /// A radio of the pool.
    pub fn radio_mut(&mut self, radio: &str) -> Option<&mut Self> {
        if self.radio().as_str() == radio {
            return Some(self);
        }
        self.pool_page.as_mut()?.others.get_mut(radio)
    }

    /// What the operator's settings are is the same for every radio.
    fn take_settings_of(&mut self, other: &Self) {
        self.skin = other.skin;
        self.keys.clone_from(&other.keys);
        (self.read_only, self.privacy) = (other.read_only, other.privacy);
        (self.local_time, self.ends_lab) = (other.local_time, other.ends_lab);
    }

    /// Brings the settings of this radio to the others.
    pub fn share_settings(&mut self) {
        let Some(mut page) = self.pool_page.take() else { return };
        page.others.values_mut().for_each(|other| other.take_settings_of(self));
        self.pool_page = Some(page);
    }

    /// Puts a radio on the screens; what belongs to the operator and not to a radio stays as it is.
    pub fn show_radio(&mut self, radio: &str) {
        let Some(mut page) = self.pool_page.take() else { return };
        if let Some((name, mut next)) = page.others.remove_entry(radio) {
            next.take_settings_of(self);
            next.runs = std::mem::take(&mut self.runs);
            next.command_line = std::mem::take(&mut self.command_line);
            next.help = std::mem::take(&mut self.help);
            next.farewell = std::mem::take(&mut self.farewell);
            (next.screen, next.before_help, next.leaving) = (self.screen, self.before_help, self.leaving);
            (next.method, next.hold, next.dirty) = (self.method, self.hold, true);
            (next.now_ms, next.at) = (self.now_ms, self.at);
            std::mem::swap(self, &mut next);
            next.rest();
            debug_assert_eq!(*self.radio(), name, "each radio is kept under its name");
            page.others.insert(next.radio().clone(), next);
        }
        self.pool_page = Some(page);
    }

    /// A radio that is off the screens: nothing is asked of it, nothing stands still.
    fn rest(&mut self) {
        (self.confirm, self.asked_ms, self.before_look) = (None, None, None);
        (self.zoom, self.frozen, self.opened, self.replay) = (None, None, None, None);
        (self.screen, self.before_help) = (Screen::Operate, Screen::Operate);
    }

    /// Makes two of the radio's servers the pair that orders name, unless it is that already; a radio that has no others keeps its own.
    pub fn pair_up(&mut self, [one, two]: [&str; 2]) {
        let pair = self.pool();
        if self.config.servers().len() > 2
            && !(pair.contains(&one) && pair.contains(&two))
            && let Ok(between) = self.config.between([one, two])
        {
            self.config = Arc::new(between);
        }
    }
}

/// Hands what is heard to the radios that it is about: telemetry has one, the state of a link is told to all.
pub fn hear(model: &mut Model, heard: Heard, take: &dyn Fn(&mut Model, Heard) -> Vec<Effect>) -> Vec<Effect> {
    let radio = match &heard {
        Heard::Telemetry(telemetry) => telemetry.radio.clone(),
        Heard::Event(event) => event.radio.clone(),
        Heard::Link { .. } => None,
    };
    if let Some(radio) = radio {
        return of(model, &radio, |model| take(model, heard));
    }
    let host = match &heard {
        Heard::Telemetry(telemetry) => telemetry.host.clone(),
        Heard::Event(event) => event.host.clone(),
        Heard::Link { host, .. } => host.clone(),
    };
    let named: Vec<String> =
        model.radios().into_iter().filter(|(_, m)| m.hosts.contains_key(&host)).map(|(n, _)| n.to_string()).collect();
    named.iter().flat_map(|radio| of(model, radio, |model| take(model, heard.clone()))).collect()
}

/// Does something with one radio; what is to be done outside is that radio's.
pub fn of(model: &mut Model, radio: &str, take: impl FnOnce(&mut Model) -> Vec<Effect>) -> Vec<Effect> {
    let shown = model.radio().as_str() == radio;
    let few = model.pool_page.as_ref().is_some_and(|page| page.others.len() < REMEMBERED);
    let Some(one) = model.radio_mut(radio) else { return Vec::new() };
    let effects = take(one);
    let (name, changed) = (one.radio().clone(), std::mem::take(&mut one.dirty));
    if shown {
        model.dirty = changed;
        return effects;
    }
    model.dirty |= changed && model.screen == Screen::Pool;
    effects.into_iter().filter_map(|effect| behind(&name, effect, few)).collect()
}

/// What a radio that is not on the screens has done outside.
fn behind(radio: &RadioName, effect: Effect, few: bool) -> Option<Effect> {
    match effect {
        // The question of a move asks for them again.
        Effect::Request { purpose: Purpose::Plan(..), .. } => None,
        Effect::Request { purpose: Purpose::Recent, .. } if !few => None,
        Effect::Notify(text) => Some(Effect::Notify(format!("{radio}: {text}"))),
        effect => Some(Effect::OfRadio(radio.clone(), Box::new(effect))),
    }
}

/// What time does to one radio.
type Tick = fn(&mut Model, u64, DateTime<Utc>) -> Vec<Effect>;

/// Time passes for every radio.
pub fn tick(model: &mut Model, (now_ms, at): (u64, DateTime<Utc>), take: Tick) -> Vec<Effect> {
    let others: Vec<RadioName> = model.pool_page.iter().flat_map(|page| page.others.keys().cloned()).collect();
    let mut effects = take(model, now_ms, at);
    effects.extend(others.iter().flat_map(|radio| of(model, radio, |model| take(model, now_ms, at))));
    look_at_headroom(model);
    effects
}
