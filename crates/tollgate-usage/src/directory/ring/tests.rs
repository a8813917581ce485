//! Which keys are found, and which are refused.

use std::time::Duration;

use super::*;
use crate::directory::NewKey;

fn ring_of(keys: &[VirtualKey]) -> KeyRing {
    let ring = KeyRing::new();
    ring.replace(&Snapshot { revision: 7, keys: keys.to_vec(), ..Snapshot::default() });
    ring
}

fn issue(new: NewKey) -> (VirtualKey, String) {
    let issued = NewKey { name: "search".into(), ..new }.issue().expect("is issued");
    (issued.key, issued.secret.expose().to_owned())
}

fn refusal(ring: &KeyRing, sent: &str, now: SystemTime) -> Option<KeyRefusal> {
    ring.find(sent, now).err()
}

#[test]
fn a_holder_is_known_by_the_secret_alone() {
    let tags = [("team".to_owned(), "search".to_owned())].into();
    let path = Some("acme/search".parse().expect("a path"));
    let (key, secret) = issue(NewKey { path, tags, models: vec!["gpt-4o".into()], ..NewKey::default() });
    let ring = ring_of(std::slice::from_ref(&key));
    let identity = ring.find(&secret, SystemTime::now()).expect("is known").identity().clone();
    assert_eq!((identity.key.as_deref(), identity.path.as_deref()), (Some("search"), Some("acme/search")));
    assert_eq!(identity.grant.expect("is limited").models, [std::sync::Arc::<str>::from("gpt-4o")]);
    assert_eq!(&*identity.tags.expect("has tags")[0].value, "search");
    let (_, other) = issue(NewKey::default());
    for unknown in ["", "tg-", &key.id, &key.prefix, &secret[..secret.len() - 1], &format!("{secret}x"), &other] {
        assert_eq!(refusal(&ring, unknown, SystemTime::now()), Some(KeyRefusal::Unknown), "{unknown}");
    }
}

#[test]
fn a_key_without_limits_has_no_grant() {
    let (key, secret) = issue(NewKey::default());
    let holder = ring_of(&[key]).find(&secret, SystemTime::now()).expect("is known");
    assert_eq!(holder.identity().grant, None);
    assert_eq!(holder.identity().tags, None);
}

#[test]
fn an_end_is_exact() {
    let end = time::from_millis(1_800_000_000_000);
    let (key, secret) = issue(NewKey { expires_at: Some(end), ..NewKey::default() });
    let ring = ring_of(&[key]);
    assert_eq!(refusal(&ring, &secret, end - Duration::from_millis(1)), None);
    assert_eq!(refusal(&ring, &secret, end), Some(KeyRefusal::Expired));
}

#[test]
fn a_disabled_key() {
    let (key, secret) = issue(NewKey { disabled: true, ..NewKey::default() });
    assert_eq!(refusal(&ring_of(&[key]), &secret, SystemTime::now()), Some(KeyRefusal::Disabled));
}

#[test]
fn a_rotation_with_grace() {
    let (mut key, old) = issue(NewKey::default());
    let new = key.rotate(Duration::from_secs(60)).expect("rotates").expose().to_owned();
    let (now, later) = (SystemTime::now(), SystemTime::now() + Duration::from_secs(61));
    let ring = ring_of(&[key.clone()]);
    assert_eq!((refusal(&ring, &old, now), refusal(&ring, &new, now)), (None, None));
    assert_eq!((refusal(&ring, &old, later), refusal(&ring, &new, later)), (Some(KeyRefusal::Expired), None));
    // Another rotation does not give the oldest secret more time.
    let newest = key.rotate(Duration::from_secs(3600)).expect("rotates").expose().to_owned();
    let ring = ring_of(&[key.clone()]);
    assert_eq!((refusal(&ring, &old, later), refusal(&ring, &new, later)), (Some(KeyRefusal::Expired), None));
    assert_eq!(refusal(&ring, &newest, later), None);
    // Without grace nothing else is taken.
    key.rotate(Duration::ZERO).expect("rotates");
    let ring = ring_of(&[key]);
    for replaced in [&old, &new, &newest] {
        assert_eq!(refusal(&ring, replaced, SystemTime::now()), Some(KeyRefusal::Unknown));
    }
}

#[test]
fn uses_are_told_once_and_survive_a_replacement() {
    let (key, secret) = issue(NewKey::default());
    let (other, _) = issue(NewKey::default());
    let ring = ring_of(&[key.clone(), other.clone()]);
    let now = time::now();
    ring.find(&secret, now).expect("is known");
    ring.replace(&Snapshot { revision: 8, keys: vec![key.clone(), other], ..Snapshot::default() });
    assert_eq!(ring.take_uses(), [(key.id, now)]);
    assert_eq!(ring.take_uses(), []);
    assert_eq!((ring.len(), ring.revision()), (2, 8));
}

#[test]
fn the_last_key_that_goes_does_not_open_the_door() {
    let ring = KeyRing::new();
    assert!(!ring.had_keys());
    ring.replace(&Snapshot { keys: vec![issue(NewKey::default()).0], ..Snapshot::default() });
    ring.replace(&Snapshot::default());
    assert!(ring.is_empty() && ring.had_keys());
}

#[test]
fn nothing_shows_a_secret() {
    let issued = NewKey { name: "search".into(), ..NewKey::default() }.issue().expect("is issued");
    let secret = issued.secret.expose();
    let ring = ring_of(std::slice::from_ref(&issued.key));
    let holder = ring.find(secret, SystemTime::now()).expect("is known");
    let key = &issued.key;
    let digest = Digest::of(secret).to_hex();
    let shown = [
        format!("{issued:?} {key:?} {ring:?} {holder:?}"),
        serde_json::to_string(key).expect("is JSON"),
        key.for_audit().to_string(),
        key.to_object().body,
    ];
    let (_, hidden) = secret.split_at(key.prefix.len());
    assert!(shown.iter().all(|text| !text.contains(hidden)), "{shown:?}");
    assert!(shown[..3].iter().all(|text| !text.contains(&digest)), "{shown:?}");
    assert!(shown[3].contains(&digest));
}
