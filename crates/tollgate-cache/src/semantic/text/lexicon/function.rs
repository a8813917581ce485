//! Words that carry structure rather than content.

/// Articles, pronouns, auxiliaries, prepositions, conjunctions and question words.
pub(super) const FUNCTION: &str = "
a an the this that these those some any each every all both either neither no none such same
i me my mine myself we us our ours ourselves you your yours yourself he him his himself she her hers herself
it its itself they them their theirs themselves one ones someone anyone everyone somebody anybody everybody
something anything everything nothing nobody
am is are was were be been being do does did doing done have has had having will would shall should can could may
might must ought cannot
of in on at by for with about against between into through during before after above below to from up down out off
over under again further onto upon within without along across behind beyond near per via toward towards among until
till since as than like unlike amid around
and or but nor so if because while although though unless whether then else yet
what which who whom whose when where why how whatever whichever whoever whenever wherever however
not more most less least much many few little very too also just only even still already ever never always
there here now there's able unable
oh well yes ok okay
going gonna let
get gets got getting gotten
";

/// Words that may be put in or left out without changing what is asked.
pub(super) const BENIGN: &str = "
please kindly thanks thank hi hello hey dear greetings sir madam
really truly actually exactly basically literally simply possibly perhaps maybe quite rather indeed honestly
currently presently anyway somehow certainly definitely obviously
happen happens happening happened
etc eg ie vs
";
