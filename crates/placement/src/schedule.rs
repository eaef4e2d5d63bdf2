//! The order in which changes are made: waves within the limits, and detours where radios wait for one another.

use std::cmp::Reverse;

use crate::goal::Limits;
use crate::search::Search;
use crate::state::{Role, State};
use crate::table::{RadioId, ServerId, Table};
use crate::wave::{Draft, Step};

/// Waves that lead to a state.
#[derive(Debug)]
pub(crate) struct Schedule<'a> {
    table: &'a Table,
    limits: Limits,
    target: State,
    beyond_budget: bool,
    pub waves: Vec<Vec<(RadioId, Step)>>,
    /// What is reached.
    pub state: State,
    /// Moves that each radio may still make.
    pub moves_left: Vec<Option<u32>>,
    /// Radios that were moved out of the way, or whose standby was.
    made_way: Vec<bool>,
}

impl<'a> Schedule<'a> {
    /// Finds the waves from where a search began to where it has come.
    pub fn of(search: &Search<'a>) -> Self {
        let mut state = search.before.clone();
        state.lost.clone_from(&search.state.lost);
        state.drained.clone_from(&search.state.drained);
        let mut schedule = Self {
            table: search.table,
            limits: search.limits,
            target: search.state.clone(),
            beyond_budget: search.beyond_budget,
            waves: Vec::new(),
            state,
            moves_left: search.moves_left.clone(),
            made_way: vec![false; search.table.radios.len()],
        };
        schedule.forget_lost();
        schedule.fill();
        schedule.give_up_lost();
        schedule
    }

    /// Radios that have not come to where they were to be served.
    pub fn stuck(&self) -> Vec<(RadioId, ServerId)> {
        let radios = 0..self.table.radios.len();
        radios.filter_map(|radio| self.wanted(radio).map(|to| (radio, to))).collect()
    }

    /// What was on a lost server is gone without anybody's doing.
    fn forget_lost(&mut self) {
        for radio in 0..self.table.radios.len() {
            for role in [Role::Service, Role::Standby] {
                let lost = self.state.place(radio, role).is_some_and(|server| self.state.lost[server]);
                if lost && (self.target.place(radio, role).is_none() || role == Role::Standby) {
                    self.state.put(self.table, radio, role, None);
                }
            }
        }
    }

    /// What is to be served elsewhere and cannot be is served no more.
    fn give_up_lost(&mut self) {
        for radio in 0..self.table.radios.len() {
            let lost = self.state.place(radio, Role::Service).is_some_and(|server| self.state.lost[server]);
            if lost && self.wanted(radio).is_some() {
                self.state.put(self.table, radio, Role::Service, None);
            }
        }
    }

    fn fill(&mut self) {
        loop {
            let services_left = !self.stuck().is_empty();
            let mut wave = self.wave(!services_left);
            if wave.is_empty() && services_left {
                wave = self.standby_out_of_the_way().or_else(|| self.detour()).unwrap_or_else(|| self.wave(true));
            }
            if wave.is_empty() {
                return;
            }
            self.apply(&wave);
            self.waves.push(wave);
        }
    }

    fn apply(&mut self, wave: &[(RadioId, Step)]) {
        for &(radio, step) in wave {
            let (role, server) = match step {
                Step::Start { to } | Step::FailOver { to, .. } | Step::Move { to, .. } => (Role::Service, Some(to)),
                Step::Arm { at } => (Role::Standby, Some(at)),
                Step::Disarm { .. } => (Role::Standby, None),
            };
            self.state.put(self.table, radio, role, server);
            if let (Step::Move { .. }, Some(left)) = (step, &mut self.moves_left[radio]) {
                *left = left.saturating_sub(1);
            }
        }
    }

    /// Where a radio is to be served and is not yet.
    fn wanted(&self, radio: RadioId) -> Option<ServerId> {
        let target = self.target.place(radio, Role::Service);
        target.filter(|_| self.state.place(radio, Role::Service) != target)
    }

    /// All that can be done now within the limits: radios that are not served first, then by priority, and last those that made way.
    fn wave(&self, arm: bool) -> Vec<(RadioId, Step)> {
        let mut radios: Vec<RadioId> = (0..self.table.radios.len()).collect();
        radios.sort_by_key(|radio| {
            (self.made_way[*radio], self.state.served(*radio).is_some(), Reverse(self.table.radios[*radio].priority), *radio)
        });
        let mut draft = Draft::new(self.table, &self.state, self.limits);
        for radio in radios {
            let steps = [self.service(radio), self.standby(radio, arm)];
            // One change of a radio in a wave.
            let _ = steps.into_iter().flatten().any(|step| draft.add(radio, step));
        }
        draft.into_steps()
    }

    fn service(&self, radio: RadioId) -> Option<Step> {
        let to = self.wanted(radio)?;
        Some(match self.state.place(radio, Role::Service) {
            None => Step::Start { to },
            Some(from) if self.state.lost[from] => {
                Step::FailOver { from, to, armed: self.state.place(radio, Role::Standby) == Some(to) }
            }
            Some(from) => Step::Move { from, to, detour: false },
        })
    }

    fn standby(&self, radio: RadioId, arm: bool) -> Option<Step> {
        let (now, target) = (self.state.place(radio, Role::Standby), self.target.place(radio, Role::Standby));
        match (now, target) {
            (Some(at), _) if now != target && self.wanted(radio) != Some(at) => Some(Step::Disarm { at }),
            (None, Some(at)) if arm && self.wanted(radio).is_none() && self.state.place(radio, Role::Service) != Some(at) => {
                Some(Step::Arm { at })
            }
            _ => None,
        }
    }

    /// Disarms a standby that is in the way of a service for a while; it is armed again at the end.
    fn standby_out_of_the_way(&mut self) -> Option<Vec<(RadioId, Step)>> {
        for (radio, to) in self.stuck() {
            let at = self.state.at(to).iter().copied();
            let standbys: Vec<RadioId> =
                at.filter(|other| self.state.place(*other, Role::Standby) == Some(to) && !self.made_way[*other]).collect();
            for other in standbys {
                let wave = vec![(other, Step::Disarm { at: to })];
                if self.lets_pass(&wave, radio) {
                    self.made_way[other] = true;
                    return Some(wave);
                }
            }
        }
        None
    }

    /// Moves a radio to a server that it does not stay on, if another one can then go where it is to go.
    fn detour(&mut self) -> Option<Vec<(RadioId, Step)>> {
        let stuck = self.stuck();
        let mut passing = self.in_the_way(&stuck);
        passing.sort_by_key(|radio| {
            (self.wanted(*radio).is_none(), self.table.radios[*radio].priority, self.table.radios[*radio].size(), *radio)
        });
        for radio in passing {
            let from = self.state.served(radio)?;
            for &to in &self.table.radios[radio].may {
                let passes = to != from && self.wanted(radio) != Some(to) && self.state.place(radio, Role::Standby) != Some(to);
                let wave = vec![(radio, Step::Move { from, to, detour: true })];
                let mut draft = Draft::new(self.table, &self.state, self.limits);
                if passes
                    && draft.add(radio, wave[0].1)
                    && stuck.iter().any(|(other, _)| *other != radio && self.lets_pass(&wave, *other))
                {
                    self.made_way[radio] = true;
                    return Some(wave);
                }
            }
        }
        None
    }

    /// Radios that may be moved twice and are where a stuck one is to go.
    fn in_the_way(&self, stuck: &[(RadioId, ServerId)]) -> Vec<RadioId> {
        let radios = (0..self.table.radios.len()).filter(|radio| {
            let at = self.state.served(*radio);
            let twice = self.beyond_budget || self.moves_left[*radio].is_none_or(|left| left >= 2);
            twice && !self.made_way[*radio] && stuck.iter().any(|(_, to)| at == Some(*to))
        });
        radios.collect()
    }

    /// Whether a radio can go where it is to go once a wave is over.
    fn lets_pass(&mut self, wave: &[(RadioId, Step)], radio: RadioId) -> bool {
        let (mark, moves_left) = (self.state.mark(), self.moves_left.clone());
        self.apply(wave);
        let passes = self.service(radio).is_some_and(|step| Draft::new(self.table, &self.state, self.limits).add(radio, step));
        self.state.roll_back(self.table, mark);
        self.moves_left = moves_left;
        passes
    }
}
