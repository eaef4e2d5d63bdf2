//! The certificates of a cluster.
//!
//! Both ends derive the cluster's certificate authority from the cluster key, and each process that has the key issues itself a certificate that
//! names who it is. So the cluster key stays the one secret. An operator may have a certificate of a lesser role instead of the key.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::unistd::Uid;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rcgen::{KeyUsagePurpose, PKCS_ED25519, PublicKeyData, SanType};
use ring::digest;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::identity::Identity;
use super::key::{self, Key, Keys};
use protocol::{ErrorCode, Failure};

/// What the authority's key is derived for, and what it is called.
const AUTHORITY: Authority = Authority { end: "certificate authority, Ed25519", name: "baton cluster" };
/// PKCS #8 (RFC 8410) of an Ed25519 private key, up to the key itself.
const PKCS8_ED25519: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// Every agent's certificate carries this name beside its own; an operator's does not, so that no console passes for an agent.
pub(super) const AGENT: &str = "agent.baton";
/// Bytes of a fingerprint.
const FINGERPRINT: usize = 8;

/// A certificate authority that is derived from a cluster key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Authority {
    /// What its key is derived for: authorities for other ends have nothing in common with it.
    pub end: &'static str,
    /// Its common name.
    pub name: &'static str,
}

/// What a process shows who it is with.
pub enum Credentials {
    /// The keys at this place, from which it issues itself a certificate with this name.
    KeyFile(PathBuf, Identity),
    /// The same from keys that were read.
    Keys(Keys, Identity),
    /// The certificate in this file.
    IdentityFile(PathBuf),
}

/// A certificate, its private key, and the authorities that are trusted.
pub(super) struct Certified {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) made_of: MadeOf,
}

/// The secrets that a certificate and its authorities come from, as their hash.
pub(super) type MadeOf = Vec<u8>;

fn made_of<'a>(secrets: impl Iterator<Item = &'a [u8]>) -> MadeOf {
    let mut context = digest::Context::new(&digest::SHA256);
    secrets.for_each(|secret| context.update(digest::digest(&digest::SHA256, secret).as_ref()));
    context.finish().as_ref().to_vec()
}

impl Credentials {
    /// Reads what is in files, and issues what is to be issued.
    pub(super) fn certified(&self) -> Result<Certified, Failure> {
        match self {
            Self::KeyFile(file, identity) => certified(&Keys::load(file)?, identity),
            Self::Keys(keys, identity) => certified(keys, identity),
            Self::IdentityFile(file) => certified_in(file),
        }
    }

    /// The same from other keys, where these are those of that file.
    pub(super) fn certified_by(&self, key_file: &Path, keys: &Keys) -> Result<Option<Certified>, Failure> {
        match self {
            Self::KeyFile(own, identity) if own == key_file => certified(keys, identity).map(Some),
            _ => Ok(None),
        }
    }
}

/// What tells one cluster key from another without giving it away: the beginning of the SHA-256 of the public key of its authority, in hexadecimal.
///
/// # Errors
/// [`ErrorCode::Internal`]; none is known.
pub fn fingerprint(key: &Key) -> Result<String, Failure> {
    let hash = digest::digest(&digest::SHA256, authority(key)?.key().der_bytes());
    Ok(hash.as_ref().iter().take(FINGERPRINT).map(|byte| format!("{byte:02x}")).collect())
}

/// A certificate for an operator, with its private key and the authority's certificate, as PEM (RFC 7468).
///
/// # Errors
/// [`ErrorCode::Internal`] when it cannot be made.
pub fn issue(key: &Key, identity: &Identity) -> Result<String, Failure> {
    let issued = || -> Result<String, Box<dyn std::error::Error>> {
        let authority = authority(key)?;
        let (certificate, pair) = signed(&authority, identity)?;
        Ok([certificate.pem(), pair.serialize_pem(), root(&authority)?.pem()].concat())
    };
    issued().map_err(|e| not_made(&*e))
}

pub(super) fn not_made(e: &dyn std::error::Error) -> Failure {
    Failure::new(ErrorCode::Internal, format!("no certificate can be made: {e}"))
}

fn certified(keys: &Keys, identity: &Identity) -> Result<Certified, Failure> {
    let certified = || -> Result<Certified, Box<dyn std::error::Error>> {
        let (certificate, pair) = signed(&authority(&keys.current)?, identity)?;
        let mut roots = RootCertStore::empty();
        for key in keys.all() {
            roots.add(root(&authority(key)?)?.der().clone())?;
        }
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pair.serialize_der()));
        let made_of = made_of(keys.all().map(Key::bytes));
        Ok(Certified { roots: Arc::new(roots), chain: vec![certificate.der().clone()], key, made_of })
    };
    certified().map_err(|e| not_made(&*e))
}

/// What [`issue`] has written.
fn certified_in(file: &Path) -> Result<Certified, Failure> {
    let bad = |what: String| {
        Failure::new(ErrorCode::Config, format!("the identity {} {what}", file.display()))
            .hint("whoever has the cluster's key can issue one: baton key issue NAME --role ROLE --out FILE")
    };
    let (text, found) = key::read(file).map_err(|e| bad(format!("cannot be read: {e}")))?;
    if key::is_open(&found, Uid::effective()) {
        let text = format!("is open to other users (mode {:03o})", found.mode() & 0o777);
        return Err(bad(text).hint(format!("chmod 600 {}", file.display())));
    }
    config::trust::require_file(file, "the identity")?;
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let mut chain = chain.map_err(|e| bad(format!("is no PEM file: {e}")))?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| bad("holds no private key".into()))?;
    let mut roots = RootCertStore::empty();
    let authority = (chain.len() == 2).then(|| chain.pop()).flatten();
    authority
        .and_then(|authority| roots.add(authority).ok())
        .ok_or_else(|| bad("does not hold a certificate and its authority's".into()))?;
    let made_of = made_of([text.as_slice()].into_iter());
    Ok(Certified { roots: Arc::new(roots), chain, key, made_of })
}

fn authority(key: &Key) -> Result<Issuer<'static, KeyPair>, Failure> {
    AUTHORITY.of(key)
}

/// The authority's own certificate.
fn root(authority: &Issuer<'static, KeyPair>) -> Result<rcgen::Certificate, rcgen::Error> {
    AUTHORITY.root(authority)
}

impl Authority {
    /// The one of that key: the same on every host that has it.
    pub(super) fn of(self, key: &Key) -> Result<Issuer<'static, KeyPair>, Failure> {
        let pkcs8 = [&PKCS8_ED25519[..], &key.derive(self.end)?].concat();
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8), &PKCS_ED25519)
            .map_err(|e| Failure::new(ErrorCode::Internal, format!("the cluster key gives no certificate authority: {e}")))?;
        Ok(Issuer::new(self.params(), pair))
    }

    /// Its own certificate.
    pub(super) fn root(self, authority: &Issuer<'static, KeyPair>) -> Result<rcgen::Certificate, rcgen::Error> {
        self.params().self_signed(authority.key())
    }

    fn params(self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(self.name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
    }
}

pub(super) fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn signed(authority: &Issuer<'static, KeyPair>, identity: &Identity) -> Result<(rcgen::Certificate, KeyPair), rcgen::Error> {
    let pair = KeyPair::generate_for(&PKCS_ED25519)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named("baton");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    for uri in identity.to_uris() {
        params.subject_alt_names.push(SanType::URI(uri.try_into()?));
    }
    if matches!(identity, Identity::Host(_)) {
        params.subject_alt_names.push(SanType::DnsName(AGENT.try_into()?));
    }
    Ok((params.signed_by(&pair, authority)?, pair))
}
