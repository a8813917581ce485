//! Files, variables and flags: where things come from, and which of them wins.

use std::path::PathBuf;

use super::*;

const LISTEN_HINT: &str = "write host and port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080";

fn load_with(yaml: &str, environment: &str, listen: Option<&str>, open: bool) -> Result<Config, String> {
    let overrides = Overrides { listen: listen.map(str::to_owned), open, has_keys: false };
    load(&Source::text("t.yaml", yaml), &variables(environment), KINDS, &overrides).map_err(|errors| errors.to_string())
}

fn listens(yaml: &str, environment: &str, flag: Option<&str>) -> String {
    load_with(yaml, environment, flag, false).expect("a configuration").listen.to_string()
}

#[test]
fn the_flag_wins_over_the_variable_over_the_file() {
    let yaml = "listen: 127.0.0.1:1";
    assert_eq!(listens(yaml, "", None), "127.0.0.1:1");
    assert_eq!(listens(yaml, "TOLLGATE_LISTEN=127.0.0.1:2", None), "127.0.0.1:2");
    assert_eq!(listens(yaml, "TOLLGATE_LISTEN=127.0.0.1:2", Some("127.0.0.1:3")), "127.0.0.1:3");
    assert_eq!(listens(yaml, "TOLLGATE_LISTEN=", None), "127.0.0.1:1");
    assert_eq!(listens("", "", Some("localhost:0")), "127.0.0.1:0");
    assert_eq!(
        load_with("listen: x", "TOLLGATE_LISTEN=y", Some("z"), false).map(|config| config.listen),
        Err(format!(
            "t.yaml:1:9: listen: not an address to listen on; {LISTEN_HINT}\n\
             command line: --listen: not an address to listen on; {LISTEN_HINT}\n\
             environment: TOLLGATE_LISTEN: not an address to listen on; {LISTEN_HINT}"
        ))
    );
}

#[test]
fn listening_beyond_loopback_needs_a_key_or_open() {
    let message = "this address can be reached from other machines, but no client key is set; set TOLLGATE_API_KEY (or \
                   client_key), make a key with `gateway-server keys create`, or give --open to let anyone in";
    let refused = |yaml, environment, flag| load_with(yaml, environment, flag, false).expect_err("an open door");
    assert_eq!(refused("\nlisten: 0.0.0.0:1", "", None), format!("t.yaml:2:9: listen: {message}"));
    assert_eq!(refused("", "TOLLGATE_LISTEN=[::]:1", None), format!("environment: TOLLGATE_LISTEN: {message}"));
    assert_eq!(refused("", "", Some("192.168.1.1:1")), format!("command line: --listen: {message}"));
    assert_eq!(refused("", "TOLLGATE_API_KEY=", Some("0.0.0.0:1")), format!("command line: --listen: {message}"));
    assert_eq!(refused("client_key: ${X:-}", "", Some("0.0.0.0:1")), format!("command line: --listen: {message}"));
    for (yaml, environment, open) in [
        ("open: true", "", false),
        ("keys: { required: true }", "", false),
        ("", "", true),
        ("client_key: k", "", false),
        ("", "TOLLGATE_API_KEY=k", false),
    ] {
        assert!(load_with(yaml, environment, Some("0.0.0.0:1"), open).is_ok(), "{yaml} {environment} {open}");
    }
    for loopback in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert!(load_with("", "", Some(loopback), false).is_ok(), "{loopback}");
    }
}

#[test]
fn keys_of_the_file_win_over_variables() {
    let environment = "TOLLGATE_API_KEY=env TOLLGATE_ADMIN_KEY=env-admin";
    let keys = |yaml| {
        let config = accept(yaml, environment);
        [config.client_key, config.admin_key].map(|key| key.expect("a key").expose().to_owned())
    };
    assert_eq!(keys(""), ["env", "env-admin"]);
    assert_eq!(keys("client_key: file\nadmin_key: file-admin"), ["file", "file-admin"]);
    refuse("client_key: ''", environment, &["t.yaml:1:13: client_key: the key is empty"]);
    refuse(
        "admin_key: \"a\\tb\\u0007\"",
        environment,
        &["t.yaml:1:12: admin_key: the key holds a character that keys cannot have"],
    );
}

#[test]
fn files_are_read_and_their_mistakes_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tollgate.yaml");
    let name = path.display();
    let load = |source: &Source| load(source, &variables(""), KINDS, &Overrides::default());
    let source = Source::file(&path);
    let hint = "give the path of a YAML file with --config or TOLLGATE_CONFIG";
    let missing = load(&source).expect_err("no file yet").to_string();
    assert_eq!(missing, format!("{name}: no such file; {hint}"));

    std::fs::write(&path, "open: true\naliases: { \u{e9}: x }").expect("a file");
    assert!(load(&source).expect("a configuration").open);
    std::fs::write(&path, b"open: true\n\xc3\xa9: \xff").expect("a file");
    assert_eq!(load(&source).expect_err("not text").to_string(), format!("{name}:2:4: not UTF-8 text"));
    let directory = load(&Source::file(folder.path())).expect_err("a folder").to_string();
    assert!(directory.contains("this is a folder, not a file"), "{directory}");
}

#[test]
fn key_files_are_read_beside_the_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("good", "sk-1\r\n");
    write("empty", "\n");
    write("two", "a\nb\n");
    let load = |file: &str| {
        let yaml = format!("providers:\n  openai:\n    api_key_file: {file}\n");
        write("tollgate.yaml", &yaml);
        let source = Source::file(folder.path().join("tollgate.yaml"));
        load(&source, &variables("OPENAI_API_KEY=other"), KINDS, &Overrides::default())
    };
    let config = load("good").expect("a configuration");
    assert_eq!(config.providers[0].keys[0].expose(), "sk-1");
    assert_eq!(config.key_files, [folder.path().join("good")]);
    assert!(load(&folder.path().join("good").display().to_string()).is_ok(), "absolute paths stay as they are");
    for (file, expect) in [
        ("empty", "the key is empty"),
        ("two", "the key holds a character that keys cannot have"),
        ("missing", "no such file"),
    ] {
        let errors = load(file).expect_err(file).to_string();
        assert!(errors.ends_with(&format!(":3:19: providers.openai.api_key_file: {expect}")), "{errors}");
    }
}

#[test]
fn a_source_is_chosen_from_flag_and_variable() {
    let environment = variables("TOLLGATE_CONFIG=env.yaml");
    assert_eq!(Source::choose(Some(PathBuf::from("flag.yaml")), &environment), Source::file("flag.yaml"));
    assert_eq!(Source::choose(None, &environment), Source::file("env.yaml"));
    assert_eq!(Source::choose(None, &variables("TOLLGATE_CONFIG=")), Source::environment());
    assert_eq!(Source::file("x").path(), Some(std::path::Path::new("x")));
    assert_eq!(Source::environment().path(), None);
}

#[test]
fn fingerprints_follow_contents() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, key) = (folder.path().join("a.yaml"), folder.path().join("key"));
    let source = Source::file(&path);
    let fingerprint = || source.fingerprint_with(std::slice::from_ref(&key));
    let mut seen = vec![fingerprint()];
    for (file, text) in [(&path, ""), (&path, "open: true"), (&key, "k1"), (&key, "k2")] {
        std::fs::write(file, text).expect("a file");
        seen.push(fingerprint());
        assert_eq!(seen.last(), Some(&fingerprint()), "the same contents");
    }
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), all, "different contents");
    assert_ne!(source.fingerprint(), Source::environment().fingerprint());
}
