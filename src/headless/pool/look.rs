//! What all agents of a pool say, radio by radio.

use futures::future::try_join_all;

use super::super::{Cluster, status};
use crate::pool::{Seen, SeenRadio};
use config::RadioViews;
use protocol::Failure;

/// Asks every agent for every radio.
///
/// # Errors
/// The key cannot be read.
pub(super) async fn look(views: &RadioViews) -> Result<Seen<'_>, Failure> {
    let radios = views.radios().iter().map(async |(name, view)| {
        let answers = status::ask_all(&Cluster::of(view.clone())?).await;
        Ok::<_, Failure>(SeenRadio::of(name, view, answers))
    });
    try_join_all(radios).await.map(Seen)
}
