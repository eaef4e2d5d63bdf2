//! `baton pool leave`: a member less.

use std::path::Path;
use std::time::Duration;

use engine::{EtcdMember, EtcdMembership};
use futures::future::join_all;

use super::LeaveArgs;
use super::cluster::{Cluster, address_of, is_here};
use super::service::Service;
use super::settings::Written;
use super::standing::is_quorum;
use protocol::{ErrorCode, Failure};

/// For asking who is a member.
const ASK: Duration = Duration::from_secs(6);
/// For the change.
const CHANGE: Duration = Duration::from_secs(20);
/// For one member's answer whether it follows the quorum.
const ANSWER: Duration = Duration::from_secs(3);

/// Takes the member out. Returns what was done.
///
/// # Errors
/// Those of [`super::run`].
pub(super) fn leave(file: &Path, args: &LeaveArgs) -> Result<String, Failure> {
    let cluster = Cluster::load(file)?;
    let written = Written::read(&args.place.settings)?;
    let here = written.is_of(&args.host) && cluster.address(&args.host).is_none_or(is_here);
    let service = (here && !args.place.no_service).then(Service::require).transpose()?;
    let leaving = Leaving { cluster: &cluster, args };
    let mut said = workload::runtime::current_thread()?.block_on(leaving.take_out(here))?;
    if here {
        if let Some(service) = service {
            service.end()?;
            said.push("etcd has ended here, and does not start with the machine any more.".to_owned());
        }
        said.extend(data(&written, args.delete_data)?);
    }
    Ok(said.join("\n"))
}

/// What becomes of the data on this machine.
fn data(written: &Written, delete: bool) -> Result<Option<String>, Failure> {
    let Some(folder) = written.get("ETCD_DATA_DIR").map(Path::new).filter(|folder| folder.join("member").exists()) else {
        return Ok(None);
    };
    if !delete {
        return Ok(Some(format!("Its data are still in {}; --delete-data removes them.", folder.display())));
    }
    std::fs::remove_dir_all(folder)
        .map_err(|e| Failure::new(ErrorCode::Io, format!("{} cannot be removed: {e}", folder.display())).hint("run it as root"))?;
    Ok(Some(format!("Its data in {} were removed.", folder.display())))
}

struct Leaving<'a> {
    cluster: &'a Cluster,
    args: &'a LeaveArgs,
}

impl Leaving<'_> {
    async fn take_out(&self, here: bool) -> Result<Vec<String>, Failure> {
        let name = &self.args.host;
        let own = self.cluster.address(name);
        // The others first: the member itself may be gone.
        let (own, others): (Vec<_>, Vec<_>) =
            self.cluster.members.iter().map(|member| member.endpoint).partition(|endpoint| Some(endpoint.ip()) == own);
        let endpoints: Vec<_> = others.into_iter().chain(own).collect();
        let asked = self.cluster.ask(endpoints.iter().copied(), ASK)?;
        let listed = match asked.list().await {
            Ok(listed) => listed,
            Err(error) if self.args.force => return Ok(vec![format!("{name} was not taken out of the store: {error}")]),
            Err(error) => {
                let failure = Failure::from(error);
                return Err(failure.hint(format!("start etcd on the other members; on {name}, --force ends etcd all the same")));
            }
        };
        let (leaving, left): (Vec<_>, Vec<_>) = listed.into_iter().partition(|member| self.is_meant(member));
        let Some(member) = leaving.first() else { return Ok(vec![format!("{name} is no member of the store.")]) };
        if let Err(failure) = self.require_quorum(&asked, &left).await {
            if self.args.force && left.is_empty() {
                return Ok(vec![format!("{name} was the last member: the store ends with it.")]);
            }
            if !self.args.force {
                return Err(failure);
            }
        }
        match self.cluster.ask(endpoints.into_iter(), CHANGE)?.remove(member.id).await {
            Ok(_) => Ok(self.taken_out(&left, here)),
            Err(error) if self.args.force => Ok(vec![format!("{name} was not taken out of the store: {error}")]),
            Err(error) => Err(error.into()),
        }
    }

    fn is_meant(&self, member: &EtcdMember) -> bool {
        let address = self.cluster.address(&self.args.host);
        let at = |url: &String| address.is_some() && address_of(url).map(|peer| peer.ip()) == address;
        member.name == self.args.host.as_str() || member.peer_urls.iter().any(at)
    }

    /// Those who are left have to agree among themselves.
    async fn require_quorum(&self, asked: &EtcdMembership, left: &[EtcdMember]) -> Result<(), Failure> {
        let follows = |member: &EtcdMember| {
            let asked = member.client_urls.iter().find_map(|url| address_of(url)).map(|endpoint| asked.at(endpoint, ANSWER));
            async move {
                match asked {
                    Some(asked) => asked.quorate().await.is_ok(),
                    None => false,
                }
            }
        };
        let answers = join_all(left.iter().map(follows)).await;
        let answering = answers.iter().filter(|answers| **answers).count();
        if is_quorum(left.len(), answering) {
            return Ok(());
        }
        let silent: Vec<&str> =
            left.iter().zip(&answers).filter(|(_, answers)| !**answers).map(|(member, _)| called(member)).collect();
        let name = &self.args.host;
        let (text, hint) = if left.is_empty() {
            (
                format!("{name} is the last member: the store would end with it"),
                format!("where it is to end, --force ends etcd on {name}"),
            )
        } else {
            let text = format!(
                "without {name} the store would have no quorum: of the {} members that are left, {} {} not answer; nothing was changed",
                left.len(),
                silent.join(", "),
                if silent.len() == 1 { "does" } else { "do" }
            );
            (
                text,
                format!(
                    "start etcd there (baton pool join), or take out first who is lost: baton pool leave {}",
                    silent.first().unwrap_or(&"HOST")
                ),
            )
        };
        Err(Failure::new(ErrorCode::State, text).hint(hint))
    }

    fn taken_out(&self, left: &[EtcdMember], here: bool) -> Vec<String> {
        let name = &self.args.host;
        let names: Vec<&str> = left.iter().map(called).collect();
        let mut said = vec![format!("{name} was taken out of the store; its members are {}.", names.join(", "))];
        if left.len() < 3 {
            said.push("The loss of one more is not survived: add another one soon.".to_owned());
        }
        if let Some(member) = self.cluster.members.iter().find(|member| member.name == *name) {
            said.push(format!(
                "Take \"{}\" out of `endpoints` in the cluster file of every host, unless {name} comes back.",
                member.endpoint
            ));
        }
        if !here {
            said.push(format!("Where {name} is to go on without etcd, run this there, too."));
        }
        said
    }
}

/// The name of a member; of one that has never started, where it is expected.
fn called(member: &EtcdMember) -> &str {
    if member.name.is_empty() { member.peer_urls.first().map_or("one without a name", String::as_str) } else { &member.name }
}
