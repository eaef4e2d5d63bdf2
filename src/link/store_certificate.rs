//! The certificates of a pool's store: of its members, and of the hosts that ask it.
//!
//! The authority is derived from the cluster key, as that of the agents is, for an end of its own: neither believes a certificate of the other. So
//! every host makes its own, no private key is copied, and no authority's key lies in a file.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, PublicKeyData, SanType};
use ring::digest;

use super::certificate::{Authority, named, not_made};
use super::key::{Key, Keys};
use protocol::Failure;

const AUTHORITY: Authority = Authority { end: "certificate authority of the pool's store, Ed25519", name: "baton pool store" };
/// The common name of every member: members speak to one another with no other, so that a host's certificate makes no member.
pub const MEMBER: &str = "baton store member";
/// Bytes of a fingerprint.
const FINGERPRINT: usize = 8;

/// Whom a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The member of that address: it answers clients there, and asks the other members.
    Member(IpAddr),
    /// Whoever asks the members: a host's agent, by its name.
    Client(String),
}

/// A certificate and its private key, as PEM (RFC 7468).
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its key, PKCS #8.
    pub key: String,
}

/// Who issues the certificates of a cluster's store.
pub struct StoreAuthority {
    issuer: Issuer<'static, KeyPair>,
    roots: String,
    fingerprint: String,
}

impl StoreAuthority {
    /// The authority of the current key. While the key is changed, those of the other keys are believed, too.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`](protocol::ErrorCode::Internal); none is known.
    pub fn of(keys: &Keys) -> Result<Self, Failure> {
        let mut keyed: Vec<&Key> = Vec::new();
        for key in keys.all() {
            // During a change the same key may be in two files.
            if !keyed.contains(&key) {
                keyed.push(key);
            }
        }
        let roots =
            keyed.into_iter().map(|key| AUTHORITY.root(&AUTHORITY.of(key)?).map(|root| root.pem()).map_err(|e| not_made(&e)));
        let roots = roots.collect::<Result<String, Failure>>()?;
        let issuer = AUTHORITY.of(&keys.current)?;
        let hash = digest::digest(&digest::SHA256, issuer.key().der_bytes());
        let fingerprint = hash.as_ref().iter().take(FINGERPRINT).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { issuer, roots, fingerprint })
    }

    /// The certificates of all authorities that are believed, as PEM; the same bytes on every host that has the same keys.
    pub fn roots(&self) -> &str {
        &self.roots
    }

    /// What tells this authority from that of another key: the beginning of the SHA-256 of its public key, in hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// A new certificate with a key of its own. It does not expire: nothing here depends on a clock.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`](protocol::ErrorCode::Internal) when it cannot be made.
    pub fn issue(&self, subject: &Subject) -> Result<Issued, Failure> {
        let issued = || -> Result<Issued, rcgen::Error> {
            // ECDSA with P-256, whose keys etcdctl, curl and openssl read; OpenSSL 3.0 does not read an Ed25519 key as ring writes it.
            let pair = KeyPair::generate()?;
            let certificate = params(subject).signed_by(&pair, &self.issuer)?;
            Ok(Issued { certificate: certificate.pem(), key: pair.serialize_pem() })
        };
        issued().map_err(|e| not_made(&e))
    }
}

fn params(subject: &Subject) -> CertificateParams {
    let mut params = CertificateParams::default();
    match subject {
        Subject::Member(address) => {
            params.distinguished_name = named(MEMBER);
            // Its gateway is a client of its own member.
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
            // On loopback that is where a connection comes from, whichever address of it is connected.
            let from = match address {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            };
            let also = (address.is_loopback() && *address != from).then_some(from);
            params.subject_alt_names = also.into_iter().chain([*address]).map(SanType::IpAddress).collect();
        }
        Subject::Client(name) => {
            // Without an address: etcd refuses a client that comes from another one than its certificate names.
            params.distinguished_name = named(name);
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }
    }
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Keys {
        let key = |byte: &u8| Key::new(vec![*byte; 32]).unwrap();
        Keys { current: key(&bytes[0]), beside: bytes[1..].iter().map(key).collect() }
    }

    #[test]
    fn every_host_with_the_key_has_the_same_authority_and_others_have_another() {
        let [one, again, other] = [&[1][..], &[1], &[2]].map(|bytes| StoreAuthority::of(&keys(bytes)).unwrap());
        assert_eq!((one.roots(), one.fingerprint()), (again.roots(), again.fingerprint()));
        assert!(one.roots() != other.roots() && one.fingerprint() != other.fingerprint());
        let of_agents = crate::link::certificate::fingerprint(&keys(&[1]).current).unwrap();
        assert_ne!(one.fingerprint(), of_agents, "the agents' authority is another one");
    }

    #[test]
    fn during_a_change_of_the_key_both_authorities_are_believed() {
        let both = StoreAuthority::of(&keys(&[1, 2])).unwrap();
        for bytes in [&[1][..], &[2]] {
            assert!(both.roots().contains(StoreAuthority::of(&keys(bytes)).unwrap().roots()));
        }
        let same = StoreAuthority::of(&keys(&[1, 1])).unwrap();
        assert_eq!(same.roots(), StoreAuthority::of(&keys(&[1])).unwrap().roots());
    }

    #[test]
    fn certificates_are_for_one_end_each() {
        let authority = StoreAuthority::of(&keys(&[1])).unwrap();
        let member = authority.issue(&Subject::Member("10.77.0.11".parse().unwrap())).unwrap();
        let client = authority.issue(&Subject::Client("server1".to_owned())).unwrap();
        assert!(member.key != client.key && member.certificate.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(member.key.starts_with("-----BEGIN PRIVATE KEY-----"));
    }
}
