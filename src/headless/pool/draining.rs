//! Taking everything off a server. What an order brings there meanwhile goes as well: an order that the server had taken in before it was drained is
//! waited for.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::super::block_on;
use super::look::look;
use super::placing::{Report, follow, mark, reach, tell};
use super::{PlaceArgs, require_pool_server};
use crate::pool::{Seen, plan};
use config::{HostName, RadioViews};
use placement::Goal;
use protocol::{ErrorCode, Failure};

/// Between two looks at an order that is under way to the server.
const LOOK: Duration = Duration::from_millis(100);
/// The longest that such an order is waited for.
const ORDER: Duration = Duration::from_secs(60);
/// More plans than this are made only where others bring work there by force, again and again.
const MOST_PLANS: usize = 5;

/// Takes everything off a server, which takes on nothing from then on.
///
/// # Errors
/// There is no such server, and those of [`drain`].
pub(super) fn run(views: &RadioViews, server: &HostName, args: &PlaceArgs) -> Result<ExitCode, Failure> {
    require_pool_server(views, server)?;
    if args.plan {
        return reach(views, &goal(server), args);
    }
    tell(&block_on(drain(views, server))?, args)
}

fn goal(server: &HostName) -> Goal {
    Goal::Drain { server: server.clone(), beyond_budget: true }
}

/// Drains a server, until it has nothing and nothing is on its way there.
///
/// # Errors
/// There is no plan, or the server does not take the order, or an order to it does not come to an end.
pub(super) async fn drain(views: &RadioViews, server: &HostName) -> Result<Report, Failure> {
    let goal = goal(server);
    // What is refused is refused before anything is changed.
    plan(&look(views).await?, views, &goal)?;
    // Before anything moves: nothing is to start there from now on.
    mark(views, server, true).await?;
    let mut report = follow(views, plan(&settled(views, server).await?, views, &goal)?).await;
    for _ in 1..MOST_PLANS {
        if !report.ok {
            break;
        }
        let more = plan(&settled(views, server).await?, views, &goal)?;
        if more.changes().next().is_none() {
            break;
        }
        report.go_on(follow(views, more).await);
    }
    Ok(report)
}

/// The pool once no order is under way to the server, as if that were not drained yet: the goal is that it is.
async fn settled<'a>(views: &'a RadioViews, server: &HostName) -> Result<Seen<'a>, Failure> {
    let began = Instant::now();
    loop {
        let mut seen = look(views).await?;
        let Some(radio) = seen.0.iter().find(|radio| radio.comes_to(server)) else {
            let answers = seen.0.iter_mut().flat_map(|radio| &mut radio.answers);
            answers.filter(|(host, _)| host == server.as_str()).for_each(|(_, answer)| {
                if let Ok(status) = answer {
                    status.drained = false;
                }
            });
            return Ok(seen);
        };
        if began.elapsed() > ORDER {
            let text = format!("{server} is drained, and an order that brings {} there does not come to its end", radio.name);
            return Err(Failure::new(ErrorCode::Deadline, text)
                .hint(format!("`baton do cancel --radio {}`, then `baton pool drain {server}` again", radio.name)));
        }
        sleep(LOOK).await;
    }
}
