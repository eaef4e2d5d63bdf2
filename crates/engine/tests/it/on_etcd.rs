//! The suite on three real members, and TLS.

use std::fs;
use std::path::Path;

use engine::{Error, Etcd, EtcdMembership, Expected, OwnerStore, Security};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use super::cluster::Cluster;
use super::suite::{self, host, radio};

#[tokio::test]
async fn the_suite_holds_on_etcd() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    cluster.ready().await;
    suite::all(&cluster).await;
}

struct Files {
    authority: String,
    certificate: String,
    key: String,
}

/// An authority, and a certificate of it that serves both ends: etcd's gateway is a client of its own member.
fn certificates(addresses: &[&str]) -> Files {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.distinguished_name.push(DnType::CommonName, "the pool's authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let signed = authority.self_signed(&authority_key).unwrap();
    let mut params = CertificateParams::new(addresses.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    Files { authority: signed.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
}

fn written(folder: &Path, files: &Files) -> Vec<String> {
    let mut arguments = vec!["--client-cert-auth".to_owned()];
    for (argument, name, text) in [
        ("--trusted-ca-file", "ca.pem", &files.authority),
        ("--cert-file", "cert.pem", &files.certificate),
        ("--key-file", "key.pem", &files.key),
    ] {
        fs::write(folder.join(name), text).unwrap();
        arguments.extend([argument.to_owned(), folder.join(name).display().to_string()]);
    }
    arguments
}

fn security(files: &Files) -> Option<Security> {
    Some(Security::from_pem(files.authority.as_bytes(), files.certificate.as_bytes(), files.key.as_bytes()).unwrap())
}

#[tokio::test]
async fn members_and_hosts_show_each_other_certificates() {
    // The addresses are chosen once the folder is there: the certificate names all of this process.
    let mut files = None;
    let addresses = super::cluster::addresses();
    let started = Cluster::start_with("https", |folder| {
        let names: Vec<&str> = addresses.iter().map(String::as_str).collect();
        written(folder, files.insert(certificates(&names)))
    });
    let (Some(cluster), Some(files)) = (started, files) else { return };
    let client = |security| Etcd::new(host("a"), engine::EtcdSettings { security, ..cluster.settings() });
    let store = client(security(&files));
    store.quorate().await.unwrap();
    assert_eq!(store.grant(&radio("alpha"), &host("a"), Expected::Nobody).await, Ok(1), "{}", cluster.log(0));
    // Others are refused, by either side.
    let quick = engine::Timing { deadline: std::time::Duration::from_secs(1), ..engine::Timing::default() };
    for security in [None, security(&certificates(&["127.0.0.1"]))] {
        let settings = engine::EtcdSettings { security, timing: quick, ..cluster.settings() };
        let error = Etcd::new(host("b"), settings).quorate().await.unwrap_err();
        assert!(matches!(&error, Error::Unreachable(_) | Error::NotEtcd { .. }), "{error}");
    }
}

#[tokio::test]
async fn members_are_listed_taken_out_and_taken_in() {
    let Some(mut cluster) = Cluster::start(&[]) else { return };
    cluster.ready().await;
    let membership = EtcdMembership::new(cluster.settings());
    let listed = membership.list().await.unwrap();
    assert_eq!(listed.len(), 3);
    // A member that is killed and has lost its data.
    let lost = listed.iter().find(|member| member.name == "m2").unwrap();
    assert!(lost.has_started());
    cluster.kill_member(2);
    fs::remove_dir_all(cluster.data(2)).unwrap();
    let [first, again] = [membership.remove(lost.id).await, membership.remove(lost.id).await];
    assert!(first.is_ok_and(|left| left.len() == 2) && again.is_ok_and(|left| left.len() == 2), "{}", cluster.log(0));
    let [first, again] = [membership.add(&lost.peer_urls[0]).await, membership.add(&lost.peer_urls[0]).await];
    let added = again.unwrap();
    assert_eq!(first.unwrap().len(), 3);
    let anew = added.iter().find(|member| member.peer_urls == lost.peer_urls).unwrap();
    assert!(!anew.has_started() && anew.id != lost.id, "{added:#?}");
    // Silence is nobody there; a member without a quorum is somebody.
    cluster.kill_member(1);
    let quick = engine::Timing { deadline: std::time::Duration::from_secs(2), ..engine::Timing::default() };
    let membership = EtcdMembership::new(engine::EtcdSettings { timing: quick, ..cluster.settings() });
    let error = membership.list().await.unwrap_err();
    assert!(matches!(&error, Error::NoQuorum { .. }) && !error.is_silence(), "{error}");
    cluster.kill_member(0);
    let error = membership.list().await.unwrap_err();
    assert!(error.is_silence(), "{error}");
}

#[test]
fn certificates_that_cannot_be_used_are_refused() {
    let files = certificates(&["127.0.0.1"]);
    let (ca, chain, key) = (files.authority.as_bytes(), files.certificate.as_bytes(), files.key.as_bytes());
    let broken = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    for (ca, chain, key) in [(&broken[..], chain, key), (ca, &broken[..], key), (ca, chain, &b"no key"[..]), (ca, &b""[..], key)] {
        let error = Security::from_pem(ca, chain, key).unwrap_err();
        assert!(matches!(error, Error::Certificates { .. }), "{error}");
    }
    assert!(Security::from_pem(ca, chain, key).is_ok());
}
