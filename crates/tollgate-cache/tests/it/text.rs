//! What the rules over text do on labelled data. Each test prints its table; the bounds are what must not get worse.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use tollgate_cache::semantic::text::{Analysis, Freshness, LiteralSignature, Reading, RiskFlags, Volatility};

/// A file of the labelled data, or nothing where it is absent.
fn data(path: &str) -> Option<String> {
    let file: PathBuf = tollgate_testkit::shared()?.join("semdata").join(path);
    // Some of it was cut within characters.
    std::fs::read(file).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn rows(path: &str) -> Option<Vec<Value>> {
    let text = data(path)?;
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap_or_default()).collect())
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_default()
}

/// Why a pair is not served on the similarity of vectors, or nothing if it is.
fn separated(cached: &str, new: &str) -> Option<String> {
    let (cached, new) = (Reading::of(cached), Reading::of(new));
    if cached.signature != new.signature {
        return Some(format!("signature {:?} {:?}", cached.signature, new.signature));
    }
    if cached.language.key() != new.language.key() {
        return Some("language".to_owned());
    }
    for reading in [&cached, &new] {
        if let Some(refusal) = reading.cacheability.refusal() {
            return Some(refusal.as_str().to_owned());
        }
        if reading.volatility.freshness.is_exact_only() {
            return Some("live".to_owned());
        }
    }
    let flags = cached.analysis.compare(&new.analysis).flags.hard();
    (!flags.is_empty()).then(|| format!("{flags:?}"))
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[test]
fn pairs_that_look_alike_are_kept_apart() {
    let Some(rows) = rows("adversarial/checklist_qqp_pairs_sample.jsonl") else { return };
    let mut tests: BTreeMap<(bool, String), (usize, usize, Vec<String>)> = BTreeMap::new();
    for row in &rows {
        let is_same = row["cache_label"] == 1;
        let (a, b) = (text(row, "a"), text(row, "b"));
        let entry = tests.entry((is_same, text(row, "test").to_owned())).or_default();
        let found = separated(a, b);
        entry.0 += 1;
        entry.1 += usize::from(found.is_some());
        if found.is_some() == is_same && entry.2.len() < 4 {
            entry.2.push(format!("{a} | {b} | {}", found.unwrap_or_default()));
        }
    }
    let mut weak = Vec::new();
    for ((is_same, name), (all, apart, examples)) in &tests {
        let rate = share(*apart, *all);
        println!("{} {:6.1}% of {all:4} kept apart: {name}", if *is_same { "same" } else { "else" }, rate * 100.0);
        if std::env::var_os("TOLLGATE_EXAMPLES").is_some() {
            examples.iter().for_each(|example| println!("        {example}"));
        }
        if !is_same && rate < 0.99 {
            weak.push(name.clone());
        }
    }
    assert_eq!(weak, Vec::<String>::new(), "tests of which too few pairs are kept apart");
}

/// The last user turn, if the request is a single turn of text.
fn single_turn(row: &Value, side: &str) -> Option<String> {
    let turns = row[side].as_array()?;
    let [turn] = turns.as_slice() else { return None };
    turn["content"].as_str().map(str::to_owned)
}

#[test]
fn requests_whose_text_differs_in_meaning_are_kept_apart() {
    let Some(rows) = rows("adversarial/own_request_pairs.jsonl") else { return };
    // What tells these apart is beside the text.
    const ELSEWHERE: &[&str] = &["params", "tenant", "system_prompt", "multimodal"];
    let (mut same, mut served, mut missed) = (0, 0, Vec::new());
    for row in rows.iter().filter(|row| !ELSEWHERE.contains(&text(row, "category"))) {
        let (Some(a), Some(b)) = (single_turn(row, "a"), single_turn(row, "b")) else { continue };
        let found = separated(&a, &b);
        if text(row, "expect") == "HIT" {
            same += 1;
            served += usize::from(found.is_none());
            if let Some(found) = found {
                println!("kept apart though the same: {a} | {b} | {found}");
            }
        } else if found.is_none() {
            // Those that only get old are told by a class that does not last.
            let fresh = [&a, &b].iter().any(|text| Volatility::of(text).freshness >= Freshness::Daily);
            if !(text(row, "category") == "time_sensitive" && fresh) {
                missed.push(format!("{}: {a} | {b}", text(row, "id")));
            }
        }
    }
    println!("{served} of {same} that are the same may be served");
    assert_eq!(missed, Vec::<String>::new(), "served though different");
    assert!(share(served, same) >= 0.8, "{served} of {same}");
}

#[test]
fn requests_of_one_subject_are_refused_where_they_are_personal() {
    let Some(rows) = rows("adversarial/own_request_pairs.jsonl") else { return };
    for row in rows.iter().filter(|row| ["personal", "side_effect", "creative"].contains(&text(row, "category"))) {
        for side in ["a", "b"] {
            let prompt = single_turn(row, side).unwrap();
            assert!(!Reading::of(&prompt).cacheability.is_cacheable(), "{prompt}");
        }
    }
}

#[test]
fn financial_traps_are_kept_apart() {
    let Some(rows) = rows("adversarial/finance32_te3small_cos.jsonl") else { return };
    let served: Vec<_> =
        rows.iter().filter(|row| separated(text(row, "seed_query"), text(row, "probe_query")).is_none()).collect();
    assert!(served.is_empty() && rows.len() > 20, "{served:#?}");
}

/// The first field of each record of CSV, whose fields may hold line ends within quotation marks.
fn first_fields(csv: &str) -> Vec<String> {
    let (mut fields, mut field, mut column, mut quoted) = (Vec::new(), String::new(), 0, false);
    for character in csv.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => column += 1,
            '\n' if !quoted => {
                fields.push(std::mem::take(&mut field));
                column = 0;
            }
            _ if column == 0 => field.push(character),
            _ => {}
        }
    }
    fields
}

#[test]
fn questions_to_a_support_desk_stay_cacheable() {
    let Some(csv) = data("intents/banking77_train.csv") else { return };
    let questions = first_fields(&csv).split_off(1);
    let readings: Vec<Reading> = questions.iter().map(|question| Reading::of(question)).collect();
    let signed = readings.iter().filter(|reading| !reading.signature.is_empty()).count();
    let mut refused: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (reading, question) in readings.iter().zip(&questions) {
        if let Some(refusal) = reading.cacheability.refusal() {
            refused.entry(refusal.as_str()).or_default().push(question);
        }
    }
    let all_refused: usize = refused.values().map(Vec::len).sum();
    let live = readings.iter().filter(|reading| reading.volatility.freshness.is_exact_only()).count();
    let english = readings.iter().filter(|reading| reading.language.code() == "en").count();
    println!(
        "{} questions: {signed} with a signature, {all_refused} refused, {live} live, {english} English",
        questions.len()
    );
    for (word, questions) in &refused {
        println!("{word}: {}", questions.len());
        if std::env::var_os("TOLLGATE_EXAMPLES").is_some() {
            questions.iter().take(40).for_each(|question| println!("        {question}"));
        }
    }
    if std::env::var_os("TOLLGATE_EXAMPLES").is_some() {
        let signed = readings.iter().zip(&questions).filter(|(reading, _)| !reading.signature.is_empty());
        signed.step_by(9).take(80).for_each(|(reading, question)| println!("    {:?} {question}", reading.signature));
        let live = readings.iter().zip(&questions).filter(|(reading, _)| reading.volatility.freshness.is_exact_only());
        live.step_by(5).take(30).for_each(|(_, question)| println!("    live {question}"));
    }
    assert!(questions.len() > 9_000);
    assert!(share(signed, questions.len()) < 0.08, "{signed}");
    assert!(share(all_refused, questions.len()) < 0.03, "{all_refused}");
    assert!(share(live, questions.len()) < 0.03, "{live}");
    assert!(share(english, questions.len()) > 0.995, "{english}");
}

/// How many pairs there are, and how many of them have flags.
#[derive(Debug, Default)]
struct Tally {
    pairs: usize,
    signature: usize,
    strong: usize,
    suspect: usize,
    hard: usize,
}

impl Tally {
    fn add(&mut self, flags: RiskFlags) {
        let is_any = |of: RiskFlags| usize::from(!flags.within(of).is_empty());
        self.pairs += 1;
        self.signature += is_any(RiskFlags::LITERAL);
        self.strong += is_any(RiskFlags::STRONG);
        self.suspect += is_any(RiskFlags::SUSPECT);
        self.hard += is_any(RiskFlags::HARD);
    }

    fn print(&self, name: &str) {
        let percent = |part| 100.0 * share(part, self.pairs);
        println!(
            "{name:18} {:5}: signature {:4.1}%, strong {:4.1}%, suspect {:4.1}%, hard {:4.1}%",
            self.pairs,
            percent(self.signature),
            percent(self.strong),
            percent(self.suspect),
            percent(self.hard)
        );
    }
}

#[test]
fn duplicates_mostly_have_one_signature() {
    let Some(tsv) = data("qqp/qqp_wang_dev.tsv") else { return };
    let [mut duplicates, mut near_duplicates, mut others, mut near_others] = [(); 4].map(|()| Tally::default());
    let mut flags: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for line in tsv.lines() {
        let mut fields = line.split('\t');
        let (Some(label), Some(a), Some(b)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let comparison = Analysis::of(a).compare(&Analysis::of(b));
        let is_other = label != "1";
        let (all, near) =
            if is_other { (&mut others, &mut near_others) } else { (&mut duplicates, &mut near_duplicates) };
        all.add(comparison.flags);
        if comparison.features[0] >= 0.5 {
            near.add(comparison.flags);
        }
        for word in comparison.flags.words() {
            flags.entry(word).or_default()[usize::from(is_other)] += 1;
        }
    }
    duplicates.print("duplicates");
    near_duplicates.print("near duplicates");
    others.print("others");
    near_others.print("near others");
    for (word, [same, other]) in &flags {
        println!(
            "{word:18} {:5.1}% {:5.1}%",
            100.0 * share(*same, duplicates.pairs),
            100.0 * share(*other, others.pairs)
        );
    }
    assert!(share(duplicates.signature, duplicates.pairs) <= 0.12, "{duplicates:?}");
    assert!(share(duplicates.strong, duplicates.pairs) <= 0.3, "{duplicates:?}");
    let apart = |tally: &Tally| share(tally.strong, tally.pairs);
    assert!(apart(&near_duplicates) * 1.7 < apart(&near_others), "{near_duplicates:?} {near_others:?}");
}

#[test]
fn word_order_is_told_in_a_language_without_word_lists() {
    let Some(tsv) = data("paws_id/paws_wiki_id_dev.tsv") else { return };
    let (mut same, mut other) = (Tally::default(), Tally::default());
    for line in tsv.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [_, a, b, label] = fields[..] else { continue };
        let flags = Analysis::of(a).compare(&Analysis::of(b)).flags;
        if label == "1" { same.add(flags) } else { other.add(flags) }
    }
    same.print("paraphrases");
    other.print("others");
    assert!(other.pairs > 1_000 && share(other.hard, other.pairs) > share(same.hard, same.pairs), "{same:?} {other:?}");
}

#[test]
fn word_problems_with_other_numbers_have_other_signatures() {
    let Some(json) = data("numbers/SVAMP.json") else { return };
    let problems: Vec<Value> = serde_json::from_str(&json).unwrap();
    for problem in &problems {
        let body = text(problem, "Body");
        let Some(digit) = body.find(|character: char| character.is_ascii_digit()) else { continue };
        let changed = format!("{}7{}", &body[..digit], &body[digit..]);
        assert_ne!(LiteralSignature::of(body), LiteralSignature::of(&changed), "{body}");
    }
}

/// Ranks of the positives: the area under the ROC curve.
fn area(scored: &mut [(f32, bool)]) -> f64 {
    scored.sort_by(|one, other| one.0.total_cmp(&other.0));
    let positives = scored.iter().filter(|(_, label)| *label).count();
    let negatives = scored.len() - positives;
    let (mut below, mut sum, mut at) = (0.0, 0.0, 0);
    while at < scored.len() {
        let tied = scored[at..].iter().take_while(|(score, _)| *score == scored[at].0).count();
        let tied_positives = scored[at..at + tied].iter().filter(|(_, label)| *label).count();
        let tied_negatives = tied - tied_positives;
        sum += share(tied_positives, 1) * (below + share(tied_negatives, 2));
        below += share(tied_negatives, 1);
        at += tied;
    }
    sum / share(positives, 1) / share(negatives, 1)
}

#[test]
fn questions_whose_answers_change_are_told() {
    let Some(rows) = rows("freshness/situatedqa_temp_id_dev.jsonl") else { return };
    let mut scored: Vec<(f32, bool)> = Vec::new();
    let mut classes: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in &rows {
        let changes = text(row, "is_dependent") == "yes";
        let volatility = Volatility::of(text(row, "question"));
        scored.push((volatility.probability, changes));
        let class = classes.entry(volatility.freshness.as_str()).or_default();
        if changes { class.0 += 1 } else { class.1 += 1 }
    }
    let changing = scored.iter().filter(|(_, changes)| *changes).count();
    let told: usize = classes.iter().filter(|(name, _)| **name != "static").map(|(_, class)| class.0).sum();
    let wrong: usize = classes.iter().filter(|(name, _)| **name != "static").map(|(_, class)| class.1).sum();
    let (recall, precision) = (share(told, changing), share(told, told + wrong));
    let area = area(&mut scored);
    println!(
        "AUC {area:.4}; not static: recall {recall:.3}, precision {precision:.3}; {changing} of {} change; {classes:?}",
        rows.len()
    );
    assert!(area >= 0.94, "{area}");
    assert!(recall >= 0.95 && precision >= 0.5, "recall {recall}, precision {precision}");
}
