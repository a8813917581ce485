//! Every kind of mistake, with the exact text that a user sees.

use super::*;

#[test]
fn syntax() {
    refuse("a: [1", "", &["t.yaml:2:1: not valid YAML: while parsing a flow sequence, expected ',' or ']'"]);
    refuse("open: true\n---\nopen: true\n", "", &["t.yaml:2:1: a second document begins here; remove the `---`"]);
    refuse("open: !!str true", "", &["t.yaml:1:7: tags (`!…`) are not supported; put text in quotes"]);
    refuse("[a, b]: c", "", &["t.yaml:1:1: a key must be plain text"]);
    refuse("- a", "", &["t.yaml:1:1: expected a mapping, found a list"]);
    refuse("hello", "", &["t.yaml:1:1: expected a mapping, found a string"]);
    refuse("a: &x [*x]", "", &["t.yaml:1:8: this alias stands inside the value it refers to"]);
    let errors = try_load("aliases: { a: ${X} }", "").expect_err("braces in braces").to_string();
    assert!(errors.ends_with("; inside [ ] and { } put \"${VAR}\" in quotes"), "{errors}");
}

#[test]
fn duplicate_keys() {
    refuse("open: true\nopen: false", "", &["t.yaml:2:1: open: duplicate key, first given in line 1"]);
    refuse(
        "providers:\n  openai:\n    models: [a]\n    api_key: b\n    models: [c]\n",
        "",
        &["t.yaml:5:5: providers.openai.models: duplicate key, first given in line 3"],
    );
    refuse("aliases: { a: x, 'a': y }", "", &["t.yaml:1:18: aliases.a: duplicate key, first given in line 1"]);
}

#[test]
fn documents_that_would_fill_the_memory() {
    let deep = format!("a: {}{}", "[".repeat(40), "]".repeat(40));
    refuse(&deep, "", &["t.yaml:1:35: nested deeper than 32 levels"]);
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let item = format!("*a{}", level - 1);
        laughs += &format!("a{level}: &a{level} [{}]\n", [item.as_str(); 10].join(", "));
    }
    let errors = try_load(&laughs, "").expect_err("too many nodes").to_string();
    assert!(errors.contains("the document has more than 100000 values"), "{errors}");
}

#[test]
fn unknown_keys() {
    refuse("lsiten: x", "", &["t.yaml:1:1: lsiten: unknown key; did you mean `listen`?"]);
    refuse(
        "providers:\n  openai:\n    api_key: k\n    bse_url: x\n",
        "",
        &["t.yaml:4:5: providers.openai.bse_url: unknown key; did you mean `base_url`?"],
    );
    refuse("shutdown: { wibble: 1 }", "", &["t.yaml:1:13: shutdown.wibble: unknown key; allowed: grace"]);
    refuse(
        "<<: {}",
        "",
        &["t.yaml:1:1: <<: unknown key; allowed: listen, base_path, open, client_key, admin_key, discover_providers, \
         providers, aliases, prices, timeouts, retry, limits, rate_limits, budgets, quota, cache, data, keys, capture, \
         shutdown, cors, models, log, usage, ledger"],
    );
}

#[test]
fn wrong_types() {
    for (yaml, expect) in [
        ("open: yes", "1:7: open: expected true or false, found a string"),
        ("open: 1", "1:7: open: expected true or false, found a whole number"),
        ("open:\nlisten: 127.0.0.1:1", "1:5: open: expected true or false, found an empty value"),
        ("listen: 8080", "1:9: listen: expected a string, found a whole number; put it in quotes"),
        ("listen: [a]", "1:9: listen: expected a string, found a list"),
        ("base_path: true", "1:12: base_path: expected a string, found a boolean; put it in quotes"),
        ("base_path: 1.5", "1:12: base_path: expected a string, found a number; put it in quotes"),
        ("limits: 3", "1:9: limits: expected a mapping, found a whole number"),
        ("limits: { max_json_depth: deep }", "1:27: limits.max_json_depth: expected a whole number, found a string"),
        ("limits: { max_json_depth: 1.5 }", "1:27: limits.max_json_depth: expected a whole number, found a number"),
        (
            "limits: { max_json_depth: -1 }",
            "1:27: limits.max_json_depth: expected a whole number in range, of 0 or more, found `-1`",
        ),
        (
            "retry: { max_attempts: 5000000000 }",
            "1:24: retry.max_attempts: expected a whole number in range, of 0 or more, found `5000000000`",
        ),
        ("retry: { max_attempts: 99999999999999999999 }", "1:24: retry.max_attempts: the number is too large"),
        (
            "limits: { max_body: 32 megs }",
            "1:21: limits.max_body: expected a size such as 32MiB, 64KiB, 10MB or a number of bytes, found `32 megs`",
        ),
        (
            "limits: { max_body: true }",
            "1:21: limits.max_body: expected a size such as 32MiB, 64KiB, 10MB or a number of bytes, found `true`",
        ),
        (
            "limits: { max_body: 99999999999TiB }",
            "1:21: limits.max_body: the size is too large, found `99999999999TiB`",
        ),
        (
            "shutdown: { grace: 30 }",
            "1:20: shutdown.grace: expected a duration with a unit, such as 250ms, 10s, 5m or 1h, found `30`",
        ),
        (
            "shutdown: { grace: soon }",
            "1:20: shutdown.grace: expected a duration with a unit, such as 250ms, 10s, 5m or 1h, found `soon`",
        ),
        (
            "log: { level: inof }",
            "1:15: log.level: expected one of error, warn, info, debug, trace, found `inof`; did you mean `info`?",
        ),
        ("log: { format: xml }", "1:16: log.format: expected one of text, json, found `xml`"),
        ("log: { level: 3 }", "1:15: log.level: expected a string, found a whole number; put it in quotes"),
        ("providers: [openai]", "1:12: providers: expected a mapping, found a list"),
        ("providers: { openai: sk-live }", "1:22: providers.openai: expected a mapping, found a string"),
        ("cors: { allow_origins: '*' }", "1:24: cors.allow_origins: expected a list, found a string"),
        (
            "cors: { allow_origins: ['*', 1] }",
            "1:30: cors.allow_origins[1]: expected a string, found a whole number; put it in quotes",
        ),
        ("client_key: 12345", "1:13: client_key: expected a string, found a whole number; put it in quotes"),
        ("aliases: { a: }", "1:13: aliases.a: expected a string, found an empty value"),
    ] {
        refuse(yaml, "", &[&format!("t.yaml:{expect}")]);
    }
}

#[test]
fn unset_variables() {
    refuse(
        "client_key: ${A}\naliases:\n  x: ${B}-${C}\n  y: ${A:-b}\n  z: ${D-e}\n",
        "",
        &[
            "t.yaml:1:13: client_key: the variable A is not set; set A, or write ${A:-default}",
            "t.yaml:3:6: aliases.x: the variable B is not set; set B, or write ${B:-default}",
            "t.yaml:3:6: aliases.x: the variable C is not set; set C, or write ${C:-default}",
            "t.yaml:5:6: aliases.z: not a reference to a variable; write ${VAR} or ${VAR:-default}, or $${ for a literal ${",
        ],
    );
}

#[test]
fn all_mistakes_of_a_file_are_reported_in_its_order() {
    refuse(
        "open: maybe\nclient_key: ${NONE}\nlimitz: 1\nlimits:\n  max_body: big\n  max_evnt: 1\n  max_json_depth: x\nlog: 3\n",
        "",
        &[
            "t.yaml:1:7: open: expected true or false, found a string",
            "t.yaml:2:13: client_key: the variable NONE is not set; set NONE, or write ${NONE:-default}",
            "t.yaml:3:1: limitz: unknown key; did you mean `limits`?",
            "t.yaml:5:13: limits.max_body: expected a size such as 32MiB, 64KiB, 10MB or a number of bytes, found `big`",
            "t.yaml:6:3: limits.max_evnt: unknown key; did you mean `max_event`?",
            "t.yaml:7:19: limits.max_json_depth: expected a whole number, found a string",
            "t.yaml:8:6: log: expected a mapping, found a whole number",
        ],
    );
}

#[test]
fn zeros() {
    let time =
        "a time of zero would end everything at once; to wait practically without end, write a long time such as 24h";
    let limit =
        "a limit of zero would let nothing through; write how much is allowed, or leave the key out for the default";
    for (section, key, expect) in [
        ("timeouts", "connect", time),
        ("timeouts", "first_byte", time),
        ("timeouts", "idle", time),
        ("timeouts", "progress", time),
        ("timeouts", "total", time),
        ("models", "timeout", time),
        ("limits", "max_body", limit),
        ("limits", "max_json_depth", limit),
        ("limits", "max_headers", limit),
        ("limits", "max_event", limit),
        ("limits", "max_buffered_response", limit),
        ("usage", "max_groups", limit),
        ("retry", "max_attempts", "a request must be sent at least once; write 1 to turn retries off"),
        ("retry", "max_delay", "must not be shorter than base_delay; raise max_delay or lower base_delay"),
    ] {
        let column = key.len() + 5;
        refuse(&format!("{section}:\n  {key}: 0\n"), "", &[&format!("t.yaml:2:{column}: {section}.{key}: {expect}")]);
    }
    refuse(
        "providers:\n  demo:\n    timeouts: { idle: 0 }\n",
        "",
        &[
            "t.yaml:3:23: providers.demo.timeouts.idle: a time of zero would end everything at once; leave it out for the \
           general one",
        ],
    );
}

#[test]
fn addresses_and_paths() {
    let hint = "write host and port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080";
    for text in ["nowhere", "':8080'", "127.0.0.1", "127.0.0.1:99999", "::1:80x", "example.com:80", "localhost:x"] {
        refuse(&format!("listen: {text}"), "", &[&format!("t.yaml:1:9: listen: not an address to listen on; {hint}")]);
    }
    let hint = "write it like /llm, or leave it empty";
    for (path, message) in [
        ("llm", "must begin with /"),
        ("/", "must not end with /"),
        ("/llm/", "must not end with /"),
        ("/a//b", "may hold only letters, digits and - _ . ~ between slashes"),
        ("/a/../b", "may hold only letters, digits and - _ . ~ between slashes"),
        ("/{x}", "may hold only letters, digits and - _ . ~ between slashes"),
        ("/a?b", "may hold only letters, digits and - _ . ~ between slashes"),
    ] {
        let yaml = format!("open: false\nbase_path: '{path}'");
        refuse(&yaml, "", &[&format!("t.yaml:2:12: base_path: {message}; {hint}")]);
    }
}

#[test]
fn aliases() {
    refuse(
        "aliases:\n  a: b\n  b: a\n  c: a\n",
        "",
        &["t.yaml:2:6: aliases.a: leads back to itself: a -> b -> a; aim it at a model"],
    );
    refuse(
        "aliases:\n  a: a\n  gpt-4.1: 'gpt-4.1'\n",
        "",
        &[
            "t.yaml:2:6: aliases.a: leads back to itself: a -> a; aim it at a model",
            "t.yaml:3:12: aliases.gpt-4.1: leads back to itself: gpt-4.1 -> gpt-4.1; aim it at a model",
        ],
    );
    refuse(
        "aliases:\n  '': x\n  a: ''\n",
        "",
        &[
            "t.yaml:2:3: aliases.: an alias needs a name without blanks around it",
            "t.yaml:3:6: aliases.a: an alias needs a model to stand for; write it like `fast: openai/gpt-4o-mini`",
        ],
    );
}

#[test]
fn cors() {
    let hint = "write origins such as https://app.example.com, or [\"*\"] for all";
    refuse("cors: {}", "", &[&format!("t.yaml:1:1: cors.allow_origins: CORS needs at least one origin; {hint}")]);
    refuse(
        "cors:\n  allow_origins: ['*', x, https://a/]\n",
        "",
        &[
            "t.yaml:2:3: cors.allow_origins: `*` already means all origins; remove it, or the others",
            &format!("t.yaml:2:24: cors.allow_origins[1]: not an origin; {hint}"),
            &format!("t.yaml:2:27: cors.allow_origins[2]: an origin has no / at its end; {hint}"),
        ],
    );
    refuse(
        "cors: { allow_origins: ['*'], allow_credentials: true, allow_headers: ['a b'] }",
        "",
        &[
            "t.yaml:1:50: cors.allow_credentials: browsers refuse credentials when all origins are allowed; list the origins \
         that need them",
            "t.yaml:1:72: cors.allow_headers[0]: not the name of a header; write names such as authorization, or [\"*\"] for \
         all",
        ],
    );
}

#[test]
fn providers() {
    for (entry, expect) in [
        ("Open_AI: { kind: demo }", "2:3: providers.Open_AI: a provider's name may hold only a-z, 0-9 and -"),
        ("x: { kind: opnai }", "2:14: providers.x.kind: unknown kind of provider; did you mean `openai`?"),
        (
            "x: { kind: wibble }",
            "2:14: providers.x.kind: unknown kind of provider; allowed: openai, anthropic, gemini, azure, ollama, custom, bedrock, vertex",
        ),
        (
            "openai-east: {}",
            "2:3: providers.openai-east: `openai-east` is not a kind of provider; a name that is not a kind needs the key \
             `kind`; is it one? add `kind: openai`",
        ),
        (
            "opnai: {}",
            "2:3: providers.opnai: `opnai` is not a kind of provider; a name that is not a kind needs the key `kind`; did \
             you mean `openai`?",
        ),
        (
            "openai: {}",
            "2:3: providers.openai: a provider of kind `openai` needs a key; set OPENAI_API_KEY, or give api_key, api_keys \
             or api_key_file",
        ),
        (
            "east: { kind: openai }",
            "2:3: providers.east: a provider of kind `openai` needs a key; set EAST_API_KEY, or give api_key, api_keys or \
             api_key_file",
        ),
        (
            "custom: {}",
            "2:3: providers.custom.base_url: a provider of kind `custom` needs a base_url; write where it is, or set \
             CUSTOM_BASE_URL",
        ),
        (
            "demo: { base_url: ftp://x }",
            "2:21: providers.demo.base_url: must begin with http:// or https://; write it like https://host/v1",
        ),
        ("openai: { api_key: '' }", "2:22: providers.openai.api_key: the key is empty"),
        ("openai: { api_key: ' k' }", "2:22: providers.openai.api_key: the key has blanks around it"),
        (
            "openai: { api_keys: [a, \"b\\nc\"] }",
            "2:27: providers.openai.api_keys[1]: the key holds a character that keys cannot have",
        ),
        (
            "openai: { api_key: a, api_keys: [b] }",
            "2:25: providers.openai.api_keys: cannot be combined with `api_key`; keep one of them",
        ),
        ("openai: { api_key_file: /nonexistent/k }", "2:27: providers.openai.api_key_file: no such file"),
        ("demo: { headers: { 'a b': c } }", "2:22: providers.demo.headers.a b: not the name of a header"),
        (
            "demo: { headers: { Content-Length: '1' } }",
            "2:22: providers.demo.headers.Content-Length: this header is the gateway's own",
        ),
        ("demo: { headers: { a: b, A: c } }", "2:28: providers.demo.headers.A: the header is given twice"),
        (
            "demo: { headers: { a: \"b\\nc\" } }",
            "2:25: providers.demo.headers.a: the value holds a character that no header can carry",
        ),
        (
            "demo: { models: [a, ''] }",
            "2:23: providers.demo.models[1]: not the name of a model; remove it or fill it in",
        ),
        (
            "demo: { api_version: 'a b' }",
            "2:24: providers.demo.api_version: not the version of an API; write it like \"2024-10-21\"",
        ),
    ] {
        refuse(&format!("providers:\n  {entry}\n"), "", &[&format!("t.yaml:{expect}")]);
    }
}
