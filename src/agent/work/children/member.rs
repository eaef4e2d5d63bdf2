//! A workload process in a pod: started by the pod's leader, or made again by CRIU.

use std::ffi::OsString;

use tokio::sync::watch;

use super::last_words::LastWords;
use super::process::ProcessIdentity;
use super::{Child, Start};
use crate::mover::confine::{capability_bits, inherited};
use crate::mover::pod::{Launch, RunningPod};
use protocol::{ErrorCode, Failure};
use workload::contract::ENV_SOCKET;

impl Child {
    /// Has the pod's leader start the process.
    pub(super) async fn launch(&self, pod: &RunningPod, start: &Start<'_>) -> Result<(u32, watch::Receiver<bool>), Failure> {
        let inside = self.inside.clone().ok_or_else(|| Failure::new(ErrorCode::Internal, "there is no pod to start in"))?;
        let _ = std::fs::remove_file(&self.socket);
        let configured = start.workload.environment.iter().map(|(name, value)| (name.into(), value.into()));
        let contract = start.environment.iter().map(|(name, value)| ((*name).into(), value.into()));
        let mut environment: Vec<(OsString, OsString)> =
            inherited().into_iter().map(|(name, value)| (name.into(), value)).collect();
        environment.extend(configured);
        environment.extend(contract);
        environment.push((ENV_SOCKET.into(), inside.clone().into()));
        let launch = Launch {
            program: start.command.program().to_owned(),
            arguments: start.command.arguments().iter().map(ToString::to_string).collect(),
            environment,
            capabilities: capability_bits(start.workload),
            stderr: inside.with_extension("stderr"),
        };
        let (leader, members) = (pod.leader.clone(), pod.members);
        let launched = tokio::task::spawn_blocking(move || leader.launch(&launch).map(|number| members.numbered(number)));
        let pid = launched.await.map_err(|e| Failure::new(ErrorCode::Internal, format!("command failed: {e}")))??;
        self.watch_member(pid)
    }

    /// Takes up the process that CRIU has made again, or that was left running in the pod.
    ///
    /// # Errors
    /// [`ErrorCode::Process`] when it is not there.
    pub(in crate::agent) async fn adopt_member(&self, pod: &RunningPod) -> Result<(), Failure> {
        let found = self.find_member(pod).and_then(ProcessIdentity::read);
        let watched = found.and_then(|identity| Some((identity, identity.watch()?)));
        let Some((identity, process)) = watched else { return Err(self.not_in_pod()) };
        self.remember(identity.pid);
        self.adopt_running(identity, process).await;
        Ok(())
    }

    /// The process in the pod that has this contract socket in its environment.
    fn find_member(&self, pod: &RunningPod) -> Option<u32> {
        let mark = [ENV_SOCKET.as_bytes(), b"=", self.inside.as_ref()?.as_os_str().as_encoded_bytes()].concat();
        u32::try_from(pod.members.marked(&mark)?).ok()
    }

    fn not_in_pod(&self) -> Failure {
        Failure::new(ErrorCode::Process, format!("the {} process is not in the pod", self.name()))
    }

    fn watch_member(&self, pid: Option<i32>) -> Result<(u32, watch::Receiver<bool>), Failure> {
        let identity = pid.and_then(|pid| ProcessIdentity::read(u32::try_from(pid).ok()?));
        let watched = identity.and_then(|identity| Some((identity.pid, identity.watch()?)));
        let Some((pid, process)) = watched else { return Err(self.not_in_pod()) };
        self.remember(pid);
        Ok((pid, self.follow(process, pid, LastWords::default())))
    }
}
