//! A member of etcd.

/// What etcd calls a member; another one after it was removed and added again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemberId(pub u64);

/// A member, as the others know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdMember {
    /// What etcd calls it.
    pub id: MemberId,
    /// Its own name; empty before the first start of a member that was added.
    pub name: String,
    /// Where the other members reach it, e.g. `https://10.77.0.11:2380`.
    pub peer_urls: Vec<String>,
    /// Where it answers clients; empty before its first start.
    pub client_urls: Vec<String>,
}

impl EtcdMember {
    /// Whether it has ever taken part. One that has and lost its data must not come back under the same identity: it may have promised what it forgot.
    pub fn has_started(&self) -> bool {
        !self.client_urls.is_empty()
    }
}
