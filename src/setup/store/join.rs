//! `baton pool join`: this machine's part in the store.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{EtcdMember, EtcdMembership};
use futures::future::join_all;
use nix::unistd::{Uid, User};

use super::JoinArgs;
use super::certificates::{self, Changed, MemberFiles};
use super::cluster::{Cluster, Machine, Member, address_of};
use super::service::{Service, USER};
use super::settings::{self, Initial, Written};
use super::standing::{Step, step};
use super::wait::{self, Reached};
use crate::setup::unit;
use protocol::{ErrorCode, Failure};

/// For asking who is a member.
const ASK: Duration = Duration::from_secs(6);
/// For a change of who is one. etcd refuses a second change until all members were connected for 5 s.
const CHANGE: Duration = Duration::from_secs(20);

/// Sets this machine up. Returns what was done.
///
/// # Errors
/// Those of [`super::run`].
pub(super) fn join(file: &Path, args: &JoinArgs) -> Result<String, Failure> {
    let cluster = Cluster::load(file)?;
    let machine = cluster.this_machine(args.host.as_ref())?;
    let service = (machine.member.is_some() && !args.place.no_service).then(Service::require).transpose()?;
    let changed = certificates::install(&cluster, &machine, args.force)?;
    let mut said = Vec::new();
    if cluster.authority.is_none() {
        said.push("The store has no TLS: whoever reaches its ports can change who owns which radio. `certificates` in [pool.store] changes that.".to_owned());
    }
    let name = &machine.name;
    match &machine.member {
        None => said.push(format!("{name} is no member of the store; its agent has what it needs to ask it.")),
        Some(member) => {
            let joining = Joining { cluster: &cluster, member, args, service: service.as_ref(), said: &mut said };
            workload::runtime::current_thread()?.block_on(joining.run(changed))?;
        }
    }
    said.extend(for_agent(&machine, changed));
    Ok(said.join("\n"))
}

fn for_agent(machine: &Machine, changed: Changed) -> Option<String> {
    let unit = unit(&machine.name);
    changed.agent.then(|| format!("Its agent has new certificates, which it reads when it starts; its work goes on meanwhile: systemctl try-restart {unit}"))
}

struct Joining<'a> {
    cluster: &'a Cluster,
    member: &'a Member,
    args: &'a JoinArgs,
    service: Option<&'a Service>,
    said: &'a mut Vec<String>,
}

impl Joining<'_> {
    async fn run(mut self, certificates: Changed) -> Result<(), Failure> {
        let before = Written::read(&self.args.place.settings)?;
        self.require_same_addresses(&before)?;
        let initial = self.prepare(&before).await?;
        let files = self.cluster.certificates().map(|folder| MemberFiles::of(folder));
        let text = settings::text(self.cluster, self.member, &initial, &self.args.data, files.as_ref())?;
        let written = settings::write(&self.args.place.settings, &before, &text, self.args.force)?;
        let changed = written || certificates.member;
        let name = &self.member.name;
        self.said.push(if changed {
            format!("{name}: certificates and settings of etcd were written, the latter to {}.", self.args.place.settings.display())
        } else {
            format!("{name}: certificates and settings of etcd are as they should be.")
        });
        self.start(changed).await
    }

    fn has_data(&self) -> bool {
        self.args.data.join("member").exists()
    }

    /// A member with data keeps its addresses: the others know it by them.
    fn require_same_addresses(&self, before: &Written) -> Result<(), Failure> {
        let (now, old) = (self.cluster.peer_url(self.member), before.get("ETCD_INITIAL_ADVERTISE_PEER_URLS"));
        let Some(old) = old.filter(|old| self.has_data() && before.is_of(&self.member.name) && *old != now) else { return Ok(()) };
        let name = &self.member.name;
        let text = format!("the member {name} has taken part at {old}, and the cluster file has it at {now}; nothing was changed");
        Err(Failure::new(ErrorCode::State, text).hint(format!(
            "put the cluster file back as it was, or take the member out first, while it has that: baton pool leave {name} --delete-data; then run this again"
        )))
    }

    /// Has the others take this member in, where that is needed. Returns whom it meets when it starts.
    async fn prepare(&mut self, before: &Written) -> Result<Initial, Failure> {
        let listed = self.listed().await?;
        let step = step(self.member, self.has_data(), listed.as_deref());
        let name = &self.member.name;
        match step {
            Step::GoOn => {
                let first = before.initial().filter(|_| before.is_of(name));
                let new = || listed.as_deref().map_or_else(|| Initial::new(self.cluster), |listed| self.existing(listed));
                Ok(first.unwrap_or_else(new))
            }
            Step::Begin => Ok(Initial::new(self.cluster)),
            Step::Enter => Ok(self.existing(&listed.unwrap_or_default())),
            Step::Add { .. } | Step::Replace(_) => {
                self.require_silence().await?;
                let listed = self.add(&step).await?;
                Ok(self.existing(&listed))
            }
        }
    }

    /// Who is a member, as the others say; `None`: none of them says anything.
    async fn listed(&self) -> Result<Option<Vec<EtcdMember>>, Failure> {
        if !join_all(self.cluster.others(self.member).map(wait::listens)).await.contains(&true) {
            return Ok(None);
        }
        match self.cluster.ask(self.cluster.others(self.member), ASK)?.list().await {
            Ok(listed) => Ok(Some(listed)),
            // Who has data goes on with them, whatever becomes of the others. Members of a new store are silent until there are enough of them.
            Err(error) if self.has_data() || error.is_silence() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn add(&mut self, step: &Step) -> Result<Vec<EtcdMember>, Failure> {
        let others: EtcdMembership = self.cluster.ask(self.cluster.others(self.member), CHANGE)?;
        let name = &self.member.name;
        match step {
            Step::Replace(id) => {
                others.remove(*id).await?;
                self.said
                    .push(format!("{name} was a member and its data are gone: it was taken out of the store, and comes in anew."));
            }
            Step::Add { stale: true } => {
                let aside = put_aside(&self.args.data)?;
                self.said.push(format!("{name} had data of a membership that has ended: they are in {} now.", aside.display()));
            }
            _ => {}
        }
        let listed = others.add(&self.cluster.peer_url(self.member)).await?;
        self.said.push(format!("{name}: the other members expect it."));
        Ok(listed)
    }

    /// An etcd that runs here has its data elsewhere: it is not what was asked for.
    async fn require_silence(&self) -> Result<(), Failure> {
        if let Some(service) = self.service {
            service.stop()?;
        }
        if !wait::listens(self.member.endpoint).await {
            return Ok(());
        }
        let text =
            format!("something answers at {}, and {} has no data of the store", self.member.endpoint, self.args.data.display());
        Err(Failure::new(ErrorCode::State, text).hint("end that, or name the folder of its data: --data DIR"))
    }

    /// Whom a member meets that the others have taken in.
    fn existing(&self, listed: &[EtcdMember]) -> Initial {
        let known = |peer: &str| {
            let address = address_of(peer);
            self.cluster.members.iter().find(|member| Some(member.peer()) == address).map(|member| member.name.to_string())
        };
        let named = |member: &EtcdMember| -> Vec<String> {
            let own = self.member.is(member).then(|| self.member.name.to_string());
            let called = Some(member.name.clone()).filter(|name| !name.is_empty());
            let name = |peer: &str| own.clone().or_else(|| called.clone()).or_else(|| known(peer));
            // One that nobody has a name for yet has some.
            let some = |peer: &str| name(peer).unwrap_or_else(|| format!("member-{:x}", member.id.0));
            member.peer_urls.iter().map(|peer| format!("{}={peer}", some(peer))).collect()
        };
        Initial { cluster: listed.iter().flat_map(named).collect::<Vec<_>>().join(","), state: "existing".to_owned() }
    }

    async fn start(self, changed: bool) -> Result<(), Failure> {
        let (name, members) = (&self.member.name, &self.cluster.members);
        make_data(&self.args.data)?;
        match self.service {
            Some(service) => service.start(changed)?,
            None if !wait::listens(self.member.endpoint).await => {
                self.said.push(format!("Start etcd with {} as its environment.", self.args.place.settings.display()));
                return Ok(());
            }
            None if changed => {
                self.said.push("etcd runs: end it and start it again, so that it reads what was written.".to_owned())
            }
            None => {}
        }
        self.said.push(match wait::reached(self.cluster, self.member).await? {
            Reached::Follows => format!("{name} is a member of the store, which has a quorum."),
            Reached::Few(count) => {
                let others = members.iter().filter(|other| *other != self.member).map(|other| other.name.as_str());
                format!(
                    "{name} runs and waits for the others: {count} of {} members run, {} are a quorum. Next: baton pool join on {}.",
                    members.len(),
                    members.len() / 2 + 1,
                    others.collect::<Vec<_>>().join(", ")
                )
            }
        });
        Ok(())
    }
}

/// The folder of the data, which etcd alone reads.
fn make_data(data: &Path) -> Result<(), Failure> {
    let user = User::from_name(USER).ok().flatten().filter(|_| Uid::effective().is_root());
    let made = || -> io::Result<()> {
        if data.is_dir() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(data)?;
        user.map_or(Ok(()), |user| chown(data, Some(user.uid.as_raw()), Some(user.gid.as_raw())))
    };
    made().map_err(|e| Failure::new(ErrorCode::Io, format!("{} cannot be made: {e}", data.display())).hint("run it as root"))
}

/// Gives the folder another name, which is returned.
fn put_aside(data: &Path) -> Result<PathBuf, Failure> {
    let numbered = |number: u32| {
        let mut name = data.as_os_str().to_owned();
        name.push(format!(".old-{number}"));
        PathBuf::from(name)
    };
    let free = (1..).map(numbered).find(|aside| !aside.exists()).unwrap_or_else(|| numbered(0));
    let failed = |e| Failure::new(ErrorCode::Io, format!("{} cannot be renamed to {}: {e}", data.display(), free.display()));
    std::fs::rename(data, &free).map_err(failed)?;
    Ok(free)
}
