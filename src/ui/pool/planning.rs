//! Plans for the pool as this console sees it, by the rules of `baton pool`.

use super::{Ask, Errand};
use crate::pool::{Seen, SeenRadio, between, plan};
use crate::ui::model::Model;
use crate::ui::msg::Effect;
use crate::ui::plans;
use config::RadioName;
use placement::{Change, Plan};
use protocol::{ErrorCode, Expected, Failure, Order};

/// Changes of a plan whose expected interruption is asked for: more than one reads.
const ASKED: usize = 16;

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
