//! The rules over text, each by sentences of its own.

use proptest::prelude::*;

use super::*;

fn signature(text: &str) -> Vec<String> {
    LiteralSignature::of(text).literals().map(|(_, value)| value.to_owned()).collect()
}

/// Prompts that must have one signature.
fn same(texts: &[&str]) {
    for pair in texts.windows(2) {
        assert_eq!(LiteralSignature::of(pair[0]), LiteralSignature::of(pair[1]), "{pair:?}");
        assert!(!LiteralSignature::of(pair[0]).is_empty(), "{pair:?}");
    }
}

/// Prompts that must have different signatures.
fn apart(one: &str, other: &str) {
    assert_ne!(LiteralSignature::of(one), LiteralSignature::of(other), "{one} | {other}");
}

#[test]
fn numbers_are_one_in_all_notations() {
    same(&["a list of 1,000 words", "a list of 1000 words", "a list of one thousand words"]);
    same(&["name 12 rivers", "name twelve rivers", "name a dozen rivers"]);
    same(&["what is 15% of 90", "what is 15 percent of 90", "what is fifteen per cent of 90"]);
    same(&["the 3rd act", "the third act"]);
    same(&["is it 2.50 now", "is it 2.5 now"]);
    same(&["read 105 pages", "read one hundred and five pages"]);
    same(&["3 million people", "3,000,000 people", "three million people"]);
    same(&["invest $2.5 billion", "invest 2500000000 dollars", "invest USD 2,500,000,000"]);
    same(&["take 2/3 of it", "take two thirds of it", "take ⅔ of it"]);
    same(&["twenty-five of them", "25 of them"]);
    same(&["World War II", "World War 2", "World War Two"]);
    same(&["what is minus 5 plus nothing", "what is -5 plus nothing"]);
    same(&["a 20k budget", "a 20,000 budget"]);
}

#[test]
fn other_numbers_and_other_orders_are_apart() {
    apart("what is 18% of 2500", "what is 81% of 2500");
    apart("what is 18% of 2500", "what is 2500% of 18");
    apart("divide 10 by 4", "divide 4 by 10");
    apart("7 - 3", "3 - 7");
    apart("solve y + 4 = 9", "solve z + 4 = 9");
    apart("Ubuntu 24.10", "Ubuntu 24.1");
    apart("summarise chapter nine", "summarise chapter ninety");
    apart("ticket AB-1029", "ticket AB-1092");
    apart("track parcel 99123", "track parcel 99132");
    apart("the second amendment", "the third amendment");
    apart("is -4 even", "is 4 even");
}

#[test]
fn dates_and_times_are_one_in_all_notations() {
    same(&["born on 4 July 1999", "born on July 4, 1999", "born on the 4th of July 1999", "born on 1999-07-04"]);
    same(&["what happened in the year 1815", "what happened in 1815"]);
    same(&["results of Q3", "results of the third quarter", "results of the 3rd quarter"]);
    same(&["wake me at 9 pm", "wake me at 9pm", "wake me at 21:00", "wake me at 9:00 p.m."]);
    same(&["open on Mondays", "open on monday"]);
    apart("born on 4 July 1999", "born on 7 April 1999");
    apart("open on Monday", "open on Sunday");
    apart("sales in March", "sales in May");
    assert!(signature("May I march home in the summer?").is_empty());
    assert!(signature("You may go").is_empty());
}

#[test]
fn units_and_currencies_are_one_in_all_notations() {
    same(&["convert 5 km to miles", "convert 5 kilometres to miles", "how many miles are 5km"]);
    same(&["a fee of $30", "a fee of 30 dollars", "a fee of 30 USD"]);
    same(&["cost of €5", "cost of 5 euros", "cost of EUR 5"]);
    same(&["200 degrees celsius", "200 °C", "200 C"]);
    same(&["store 5 GB", "store 5gb", "store 5 gigabytes"]);
    apart("bake at 180 C", "bake at 180 F");
    apart("convert feet to km", "convert feet to miles");
    apart("a fee of $30", "a fee of €30");
    apart("5 MB a day", "5 GB a day");
    apart("2 weeks", "2 months");
}

#[test]
fn ordinary_chat_has_no_literal() {
    for text in [
        "Which one is better?",
        "One of my friends told me a second opinion is first of all useful",
        "Give me a second, I have a bit of a cold",
        "At first I thought so",
        "How do I turn it in on time?",
        "Please tell us about it",
        "Is the cat on the table?",
        "A swift reply would be nice, go and react",
        "French cuisine and German cars",
        "Short hair or long hair?",
        "Can the \"best\" be better?",
    ] {
        assert_eq!(signature(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn shapes_and_languages_of_answers_are_literals() {
    same(&["explain gravity briefly", "give a brief explanation of gravity"]);
    same(&["explain gravity simply", "explain gravity in simple terms", "explain gravity in plain English"]);
    same(&["sum it up in one sentence", "sum it up in a sentence", "sum it up in 1 sentence"]);
    apart("sum it up in one sentence", "sum it up in one paragraph");
    apart("give a short summary of Emma", "give a detailed summary of Emma");
    apart("list the moons as a table", "list the moons as JSON");
    apart("list the moons", "list the moons as bullet points");
    apart("explain it in Dutch", "explain it in Danish");
    apart("translate it into Spanish", "translate it into Portuguese");
    apart("translate from Dutch to Danish", "translate from Danish to Dutch");
    apart("sort a list in Ruby", "sort a list in Go");
    apart("sort a list in Java", "sort a list in JavaScript");
    assert_eq!(LiteralSignature::of("reply in English, what is a fjord"), LiteralSignature::of("what is a fjord"));
}

#[test]
fn opaque_spans_are_literals() {
    apart("what is `Bar`", "what is `bar`");
    apart("fix ```a > b```", "fix ```a >= b```");
    apart("open https://a.example.com/x", "open https://a.example.com/y");
    apart("translate \"good day\"", "translate \"good night\"");
    apart("copy a.txt to b.txt", "copy b.txt to a.txt");
    apart("write to ann@example.com", "write to bob@example.com");
    same(&["is http://example.com/ up", "is https://www.example.com up"]);
}

fn flags(cached: &str, new: &str) -> RiskFlags {
    Analysis::of(cached).compare(&Analysis::of(new)).flags
}

/// Pairs that raise `flag`.
fn raises(flag: RiskFlags, pairs: &[(&str, &str)]) {
    for (one, other) in pairs {
        assert!(flags(one, other).contains(flag), "{one} | {other}: {:?}", flags(one, other));
        assert!(flags(other, one).contains(flag), "{other} | {one}: {:?}", flags(other, one));
    }
}

#[test]
fn paraphrases_raise_no_hard_flag() {
    for (one, other) in [
        ("How do I bake bread?", "How can I bake bread?"),
        ("How to bake bread", "What is the way to bake bread?"),
        ("What is a monad?", "Could you please tell me what a monad is?"),
        ("Steps to install Firefox on Debian", "How do I install Firefox on Debian?"),
        ("What causes earthquakes?", "What is the cause of earthquakes?"),
        ("please explain gravity", "Explain gravity please"),
        ("How do I rename a git branch?", "Rename a branch in git"),
        ("Who wrote Hamlet?", "Hamlet was written by whom?"),
        ("Isn't Rome the capital of Italy?", "Is Rome the capital of Italy?"),
        ("Why doesn't my mouse work?", "Why is my mouse not working?"),
        ("I can't log in, what do I do?", "I am unable to log in, what should I do?"),
        ("What colour is the sky?", "What color is the sky"),
        ("How tall is Everest?", "What is the height of Everest?"),
        ("Did the committee reject the plan?", "Was the plan rejected by the committee?"),
        ("Is Ann married to Bob?", "Is Bob married to Ann?"),
        ("What's the purpose of a cache?", "what is the purpose of a cache"),
        ("Are cats and dogs mammals?", "Are dogs and cats mammals?"),
        ("I don't know how to tie a tie", "How do I tie a tie?"),
        ("Is it really safe to swim here?", "Is it safe to swim here?"),
    ] {
        let found = flags(one, other);
        assert!(found.hard().is_empty(), "{one} | {other}: {found:?}");
    }
}

#[test]
fn negations_are_told() {
    raises(
        RiskFlags::NEGATION,
        &[
            ("Which birds can fly?", "Which birds cannot fly?"),
            ("Cakes with eggs", "Cakes without eggs"),
            ("Is it safe to mix these?", "Is it unsafe to mix these?"),
            ("Show users who have paid", "Show users who haven't paid"),
            ("Why is milk healthy?", "Why isn't milk healthy?"),
            ("List fruits except berries", "List fruits and berries"),
            ("Are fees waived?", "Are fees NOT waived?"),
            ("gluten-free pasta", "gluten pasta"),
            ("Can I take it with food?", "Can I never take it with food?"),
        ],
    );
}

#[test]
fn opposites_are_told() {
    raises(
        RiskFlags::OPPOSITE,
        &[
            ("How do I turn on the heating?", "How do I turn off the heating?"),
            ("When should I buy gold?", "When should I sell gold?"),
            ("Increase the volume", "Decrease the volume"),
            ("advantages of cycling", "disadvantages of cycling"),
            ("encrypt a disk", "decrypt a disk"),
            ("symptoms of hypothermia", "symptoms of hyperthermia"),
            ("What was before the war?", "What was after the war?"),
            ("Is it always cold there?", "Is it ever cold there?"),
            ("the best phone", "the cheapest phone"),
            ("the first man in space", "the last man in space"),
            ("sort ascending", "sort descending"),
            ("How can I become more careful?", "How can I become less careful?"),
            ("gold card benefits", "platinum card benefits"),
            ("import a key", "export a key"),
        ],
    );
}

#[test]
fn names_and_words_in_the_place_of_others_are_told() {
    raises(
        RiskFlags::ENTITY,
        &[
            ("Who leads Norway?", "Who leads Sweden?"),
            ("capital of Austria", "capital of Australia"),
            ("Explain SMTP to me", "Explain IMAP to me"),
        ],
    );
    raises(RiskFlags::ENTITY_ONE_SIDED, &[("When was John F. Smith born?", "When was John Smith born?")]);
    raises(
        RiskFlags::SUBSTITUTION,
        &[
            ("Can I feed my hamster grapes?", "Can I feed my parrot grapes?"),
            ("what is a savings account", "what is a money market account"),
        ],
    );
    raises(RiskFlags::INSERTION, &[("Is Ann a doctor?", "Is Ann a famous doctor?")]);
    raises(RiskFlags::ENTITY, &[("What is the US budget?", "What do us people budget?")]);
    raises(RiskFlags::DISJOINT, &[("explain tcp", "define udp")]);
}

#[test]
fn roles_are_told() {
    raises(
        RiskFlags::ROLE,
        &[
            ("flights from Oslo to Rome", "flights from Rome to Oslo"),
            ("flights Oslo to Rome", "flights Rome to Oslo"),
            ("Does Ann trust Bob?", "Does Bob trust Ann?"),
            ("Can a cat scare a dog?", "Can a dog scare a cat?"),
            ("Did Acme acquire Initech?", "Did Initech acquire Acme?"),
            ("Did Ann paint the house?", "Was Ann painted by the house?"),
            ("convert audio to video", "convert video to audio"),
            ("Is gold heavier than lead?", "Is lead heavier than gold?"),
            ("Does Ann like Bob?", "Is Ann liked by Bob?"),
        ],
    );
}

#[test]
fn other_questions_are_told() {
    raises(
        RiskFlags::QUESTION,
        &[
            ("Who built the tower?", "When was the tower built?"),
            ("Where is the museum?", "Why is the museum there?"),
            ("How many songs are there?", "How much are the songs?"),
        ],
    );
    raises(RiskFlags::PRONOUN, &[("If Ann met Bob, would he smile?", "If Ann met Bob, would she smile?")]);
    raises(RiskFlags::CONJUNCTION, &[("Is Ann a chef or a poet?", "Is Ann a chef and a poet?")]);
    raises(RiskFlags::TIME_UNIT, &[("interest per month", "interest per year")]);
    raises(
        RiskFlags::HABITUAL,
        &[("Is Ann a chef?", "Did Ann use to be a chef?"), ("Does Ann smoke?", "Ann used to smoke?")],
    );
    raises(RiskFlags::TENSE, &[("Who is the mayor?", "Who was the mayor?")]);
    raises(RiskFlags::LANGUAGE, &[("What is a cat?", "Qu'est-ce que c'est que le chat ?")]);
    raises(RiskFlags::LITERAL, &[("name 3 rivers", "name 4 rivers")]);
    raises(RiskFlags::MODALITY, &[("Can I eat it raw?", "Should I eat it raw?")]);
}

#[test]
fn a_text_that_is_too_long_is_never_served() {
    let long = "word ".repeat(MAX_BYTES);
    let reading = Reading::of(&long);
    assert_eq!(reading.cacheability, Cacheability::Refused(Refusal::Long));
    assert!(reading.analysis.compare(&reading.analysis).flags.contains(RiskFlags::LONG));
    let letter = |number: u8| char::from(b'a' + number % 26);
    let many: String = (0..u8::MAX)
        .chain(0..90)
        .map(|number| format!("z{}{}{} ", letter(number), letter(number / 3), letter(number / 7)))
        .collect();
    assert!(Analysis::of(&many).is_long());
}

fn refused(refusal: Refusal, texts: &[&str]) {
    for text in texts {
        assert_eq!(Cacheability::of(text), Cacheability::Refused(refusal), "{text}");
    }
}

#[test]
fn what_only_records_tell_is_personal() {
    refused(
        Refusal::Personal,
        &[
            "What is my account balance?",
            "what's my balance",
            "Where is my order?",
            "When does my contract expire?",
            "Show me my last three invoices",
            "Did I get any emails today from my boss? Check my inbox",
            "What did I ask you yesterday?",
            "Who am I?",
            "How much do I owe?",
            "Do I have any meetings tomorrow?",
            "What's on my calendar today?",
            "When is my next appointment?",
            "How many points do I have on my membership?",
            "Track my package",
            "What is the status of my order?",
            "Do you remember my name?",
            "Has my order shipped?",
            "What is on my to-do list?",
            "What plan am I on?",
            "Who is my manager?",
        ],
    );
}

#[test]
fn orders_to_act_are_side_effects() {
    refused(
        Refusal::SideEffect,
        &[
            "Send the email to Ann",
            "Please send a message to the team",
            "Book the 8am slot",
            "Could you book a table for two",
            "Cancel my subscription",
            "Cancel it",
            "Remind me to call mom",
            "Set a timer for ten minutes",
            "Delete that file",
            "Is this message junk? Delete it",
            "Order a pizza",
            "Pay my electricity bill",
            "Turn off the lights",
            "Schedule a meeting with Ann",
            "Add milk to my shopping list",
            "Transfer $50 to Bob",
            "Email Ann about the party",
            "Buy 10 shares of Acme",
            "Restart the server",
            "Delete the file notes.txt",
        ],
    );
}

#[test]
fn what_shall_be_new_each_time_is_creative() {
    refused(
        Refusal::Creative,
        &[
            "Tell me a joke",
            "Write a poem about rain",
            "give me a random number",
            "Flip a coin",
            "Roll a die",
            "Generate a random password",
            "Write a short story about a fox",
            "Pick a random colour",
            "Surprise me",
            "Can you write a haiku about tea?",
            "Tell me a fun fact",
            "Sing a song",
            "Pick a number between 1 and 9",
            "Shuffle these names",
        ],
    );
}

#[test]
fn what_refers_to_earlier_turns_is_anaphora() {
    refused(
        Refusal::Anaphora,
        &[
            "And the second one?",
            "Why?",
            "Why not?",
            "What about Tuesday?",
            "Tell me more",
            "When was he born?",
            "Give me an example",
            "yes",
            "Continue",
            "Can you explain that?",
            "How does it work?",
            "What do you mean?",
            "Are you sure?",
            "What is it?",
            "Summarize it",
        ],
    );
    refused(Refusal::Empty, &["", " \n "]);
}

#[test]
fn questions_for_how_things_are_stay_cacheable() {
    for text in [
        "How do I check my balance?",
        "I am still waiting for my card",
        "How do I cancel my order?",
        "Why was my payment declined?",
        "I need to change my address",
        "Can I get my card delivered abroad?",
        "My card does not work",
        "How do I send an email in Gmail?",
        "Undo the last commit in git",
        "What is a random forest?",
        "Who wrote the poem Invictus?",
        "Is it safe to swim after eating?",
        "What time zone is Oslo in?",
        "Reset the password of a router",
        "How long does it take to boil an egg?",
        "Encrypt a file with gpg",
        "What is my best option to lose weight?",
        "book recommendations about sailing",
        "Delete a branch in git",
        "Call a function in Python",
        "Why is it dark at night?",
        "What happens to water when it freezes?",
        "order of operations",
    ] {
        assert_eq!(Cacheability::of(text), Cacheability::Cacheable, "{text}");
    }
}

#[test]
fn answers_that_speak_of_the_other_question_are_told() {
    let check =
        |cached: &str, new: &str, answer: &str| AnswerWords::of(answer).echo(&Analysis::of(cached), &Analysis::of(new));
    let echo = check("capital of Austria", "capital of Australia", "Vienna is the capital of Austria.");
    assert_eq!(echo, Echo { words: 1, has_name: true });
    assert!(check("Can squirrels eat bread?", "Can rabbits eat bread?", "No, bread is bad for a squirrel.").words > 0);
    assert!(check("How do I use Foo in tests?", "How do I use Bar in tests?", "Import Foo first.").has_name);
    assert!(
        check("What causes rainbows?", "What is the cause of rainbows?", "Rainbows are caused by rain.").is_silent()
    );
    assert!(check("Steps to boil an egg", "How do I boil an egg?", "Take a step back and boil an egg.").is_silent());
    let long: String = (0..9_000).map(|number| format!("w{number} ")).collect();
    assert!(!check("feed my hamster", "feed my parrot", &long).is_silent());
}

#[test]
fn operators_options_and_what_capitals_change_are_literals() {
    for (one, other) in [
        ("Difference between == and ===", "Difference between = and =="),
        ("What does ls -la do?", "What does ls -lA do?"),
        ("Explain git reset --soft", "Explain git reset --hard"),
        ("What is && in bash?", "What is || in bash?"),
        ("Describe Polish food", "Describe polish food"),
    ] {
        apart(one, other);
    }
    for (one, other) in [
        ("Explain this -- please", "Explain this, please"),
        ("Help !!", "Help!"),
        ("Describe Paris", "Describe paris"),
        ("Nice is a city", "nice is a city"),
    ] {
        assert_eq!(LiteralSignature::of(one), LiteralSignature::of(other), "{one} / {other}");
    }
}

#[test]
fn what_is_about_now_is_live() {
    for (freshness, texts) in [
        (
            Freshness::Live,
            &[
                "What time is it in Oslo?",
                "weather in Rome today",
                "Gold price now",
                "What is today's date?",
                "Latest news on trade",
                "When is the next eclipse?",
                "What topics are trending?",
                "Who is winning the match?",
            ][..],
        ),
        (
            Freshness::Live,
            &[
                "Who is the current mayor of London?",
                "How many days until Easter?",
                "What happened yesterday in Rome?",
                "Is the shop open at the moment?",
            ],
        ),
        (Freshness::Daily, &["What is the latest version of Java?", "top songs this week"]),
        (
            Freshness::Static,
            &["who invented the telephone", "who wrote war and peace", "when did the first world war end"],
        ),
    ] {
        for text in texts {
            assert_eq!(Volatility::of(text).freshness, freshness, "{text} {:?}", Volatility::of(text));
        }
    }
    assert!(Volatility::of("who is the prime minister of canada").freshness > Freshness::Static);
    assert!(Freshness::Static.default_lifetime() > Freshness::Slow.default_lifetime());
    assert!(Freshness::Live.is_exact_only() && !Freshness::Daily.is_exact_only());
}

#[test]
fn features_are_what_their_names_say() {
    let of = |one: &str, other: &str| Analysis::of(one).compare(&Analysis::of(other)).features;
    let place = |name: &str| FEATURE_NAMES.iter().position(|it| *it == name).unwrap();
    let same = of("Does Ann trust Bob?", "Does Ann trust Bob?");
    assert_eq!((same[place("content-jaccard")], same[place("trigram-cosine")], same[place("role")]), (1.0, 1.0, 0.0));
    let swapped = of("Does Ann trust Bob?", "Does Bob trust Ann?");
    assert_eq!(
        (swapped[place("content-jaccard")], swapped[place("role")], swapped[place("order-kept")]),
        (1.0, 1.0, 0.0)
    );
    let other = of("Does Ann trust Bob?", "Where are my keys?");
    assert_eq!((other[place("content-jaccard")], other[place("disjoint")]), (0.0, 1.0));
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[ -~]{0,12}",
        prop::sample::select(vec![
            "`",
            "```",
            "\"",
            "'",
            "“",
            "one hundred and ",
            "-",
            "- 5",
            "1,0",
            "3.1",
            "%",
            "$",
            "Q2",
            "by ",
            "is ",
            "not ",
            "n't",
            "http://",
            "@",
            "/",
            "May ",
            "the second ",
            "東京",
            "é",
            "🙂",
            "\u{301}",
            "\0",
            "½",
            "VII ",
            "9:",
            "pm",
            "٣",
            "ß",
            "İ",
            ".",
            "\n",
            "in ",
            "a ",
            "U.S.",
            "it ",
            "to ",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read(one in text(), other in text()) {
        let (a, b) = (Reading::of(&one), Reading::of(&other));
        prop_assert_eq!(&a.signature, &LiteralSignature::of(&one));
        prop_assert_eq!(&a.analysis, &Analysis::of(&one));
        let comparison = a.analysis.compare(&b.analysis);
        prop_assert!(comparison.features.iter().all(|feature| (0.0..=1.0).contains(feature)), "{:?}", comparison);
        prop_assert_eq!(comparison.flags, b.analysis.compare(&a.analysis).flags);
        prop_assert!(a.analysis.compare(&a.analysis).flags.within(RiskFlags::STRONG).is_empty());
        prop_assert!(AnswerWords::of(&one).echo(&a.analysis, &a.analysis).is_silent());
        prop_assert!((0.0..=1.0).contains(&a.volatility.probability));
    }

    #[test]
    fn compact_forms_are_read_back(text in text()) {
        let analysis = Analysis::of(&text);
        prop_assert_eq!(Analysis::from_bytes(&analysis.to_bytes()), Ok(analysis));
        let words = AnswerWords::of(&text);
        prop_assert_eq!(AnswerWords::from_bytes(&words.to_bytes()), Ok(words));
    }

    #[test]
    fn foreign_bytes_are_refused_or_read(mut bytes in prop::collection::vec(any::<u8>(), 0..200), other in text()) {
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        if let Ok(analysis) = Analysis::from_bytes(&bytes) {
            let _ = analysis.compare(&Analysis::of(&other));
        }
        let _ = AnswerWords::from_bytes(&bytes);
    }

    #[test]
    fn cut_bytes_are_refused(text in text(), cut in 1_usize..40) {
        let bytes = Analysis::of(&text).to_bytes();
        prop_assert_eq!(Analysis::from_bytes(&bytes[..bytes.len().saturating_sub(cut)]), Err(Malformed));
    }
}
