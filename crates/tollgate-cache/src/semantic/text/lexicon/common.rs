//! Words that are in so many texts that they identify none.

/// Verbs, nouns and adjectives of general use.
pub(super) const COMMON: &str = "
make use work want need help try look see show tell say ask know think find give take put keep let come go become
mean seem feel become happen start stop begin end turn run set call change move live believe hold bring provide create
add get allow include consider write read learn understand explain describe list define give name
way thing people person time year day week month hour minute part place case point fact kind type sort form number
amount lot example reason problem question answer issue idea information detail result effect group area system
program company world country city state life man woman child home house work job family friend money
good bad best better great new old big small large little long short high low right wrong different same important
able possible available easy hard main real sure full free simple general common certain particular several various
first last next other another many much more most
first often usually sometimes always never together today tomorrow yesterday now later soon once
different word sentence text page line step method rule value set level order line side
feel need like love possible please thank account service product customer user
increase reduce improve cause follow follow refer relate base support require
process step task action point key main note also however therefore
";

/// Words that may be put in without changing what is asked, but that may not stand for one another.
pub(super) const WEAK: &str = "
thing way kind sort type need want help give tell show explain describe know try like look ask list happen go come step
process option people person do convert define calculate translate say information number summarize outline
";
