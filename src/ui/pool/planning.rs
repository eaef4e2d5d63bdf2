//! Plans for the pool as this console sees it, by the rules of `baton pool`.

use std::collections::BTreeSet;

use super::{Ask, Errand, Headroom};
use crate::pool::{Seen, SeenRadio, between, plan, unserved_without};
use crate::ui::model::Model;
use crate::ui::msg::Effect;
use crate::ui::place::Screen;
use crate::ui::plans;
use config::RadioName;
use placement::{Change, Plan};
use protocol::{ErrorCode, Expected, Failure, Order};

/// Changes of a plan whose expected interruption is asked for: more than one reads.
const ASKED: usize = 16;
/// Between two looks at the headroom, ms: in a large pool that is nearly full one takes some milliseconds.
const LOOK_MS: u64 = 2_000;

/// What the agents have said, radio by radio.
fn seen(model: &Model) -> Option<Seen<'_>> {
    let page = model.pool_page.as_ref()?;
    let radios = model.radios();
    let seen = page.views.radios().iter().filter_map(|(name, view)| {
        let radio = radios.get(name)?;
        let answers = view.host.keys().map(|host| {
            let said = radio.telemetry(host).filter(|_| radio.is_heard(host)).cloned();
            (host.to_string(), said.ok_or_else(|| Failure::new(ErrorCode::Unreachable, format!("{host} is not heard"))))
        });
        Some(SeenRadio::of(name, view, answers.collect()))
    });
    Some(Seen(seen.collect()))
}

/// The plan of an errand as things are now; none where nothing moves by it.
///
/// # Errors
/// There is none, or it is not for a pool in this state.
pub fn plan_of(model: &Model, errand: &Errand) -> Result<Option<Plan>, Failure> {
    let (Some(goal), Some(page), Some(seen)) = (errand.goal(), &model.pool_page, seen(model)) else { return Ok(None) };
    plan(&seen, &page.views, &goal).map(Some)
}

/// Looks who would not be served if the server under the cursor were lost: when another one is, and again from time to time.
pub fn look_at_headroom(model: &mut Model) {
    let Some(page) = model.pool_page.as_ref().filter(|_| model.screen == Screen::Pool) else { return };
    let Some(server) = page.selected_server().cloned() else { return };
    let fresh = |known: &Headroom| known.server == server && model.now_ms.saturating_sub(known.at_ms) < LOOK_MS;
    if page.headroom.as_ref().is_some_and(fresh) {
        return;
    }
    let without = seen(model).map_or_else(BTreeSet::new, |seen| unserved_without(&seen, &page.views, &server));
    let before = page.unserved_without().cloned().unwrap_or_default();
    model.dirty |= before != without;
    let headroom = Headroom { server, without, at_ms: model.now_ms };
    if let Some(page) = &mut model.pool_page {
        page.headroom = Some(headroom);
    }
}

/// Asks what the moves of a plan are expected to cost.
pub fn expectations(model: &Model, ask: &Ask) -> Vec<Effect> {
    let radios = model.radios();
    let request = |change: &Change| {
        let Change::Move { radio, from, to, .. } = change else { return None };
        let of = radios.get(radio)?;
        let wanted = between(&of.config, [from, to], Order::M, of.form().default_method());
        plans::request_of(of, wanted).map(|effect| Effect::OfRadio(radio.clone(), Box::new(effect)))
    };
    ask.plan.iter().flat_map(Plan::changes).take(ASKED).filter_map(request).collect()
}

/// What a move is expected to interrupt, once its host has said so.
pub fn expected(model: &Model, radio: &RadioName, from: &str, to: &str) -> Option<Expected> {
    let radios = model.radios();
    let of = radios.get(radio)?;
    let method = of.form().default_method();
    let plans = of.plans.iter().filter(|plan| plan.method == method);
    plans.into_iter().find(|plan| plan.from == from && plan.to == to).map(|plan| plan.interruption)
}
