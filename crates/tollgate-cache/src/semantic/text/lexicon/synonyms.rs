//! Words that may stand for one another in a prompt without changing its answer.

/// One group a line; the first word stands for all. Irregular forms of verbs and nouns are here too.
pub(super) const SYNONYMS: &str = "
meter metre
liter litre
bank banking
begin start began begun commence
finish complete finished
buy purchase bought
sell sold
send sent
pay paid
lose lost
find found locate
make made
create build built construct
take took taken
give gave given provide
write wrote written
break broke broken
steal stole stolen
win won
eat ate eaten
drink drank drunk
choose chose chosen select pick
know knew known
speak spoke spoken talk
hold held
keep kept
bring brought
catch caught
teach taught
tell told
feel felt
meet met
run ran
see saw seen
spend spent
drive drove driven
fly flew flown
fall fell fallen
forget forgot forgotten
freeze froze frozen
grow grew grown
hide hid hidden
rise rose risen
wear wore worn
withdraw withdrew withdrawn withdrawal
go went gone
come came
become became
say said
understand understood
child children kid kids
man men
woman women
person people
foot feet
tooth teeth
mouse mice
life lives
die died dead death
picture photo photograph image pic
phone telephone cellphone smartphone mobile
movie film
shop store
car automobile
film movies
fast quick quickly rapidly
big large
small little tiny
reason cause because
fix repair solve resolve
error mistake
show display
change modify alter
remove delete erase
get obtain acquire receive
need require
use used uses utilize utilise using
leave left
hear heard
lead led
feed fed
fight fought
hang hung
sit sat
stand stood
swim swam swum
throw threw thrown
tear tore torn
wake woke woken
bite bit bitten
blow blew blown
draw drew drawn
forgive forgave forgiven
ring rang rung
shake shook shaken
sing sang sung
sink sank sunk
strike struck
swear swore sworn
bend bent
lend lent
mean meant
deal dealt
shoot shot
beat beaten
mistake mistook mistaken
overcome overcame
raise raising
according think thinks thought thinking
help assist assistance
picture images
job work career
learn study
difference differ different distinguish
app application
web website site
info information details
config configuration configure
doc documentation
db database
repo repository
dir directory folder
max maximum
min minimum
avg average mean
approx approximately roughly
frightened scared afraid
angry furious
modest humble
smart intelligent clever
happy glad
sad unhappy
rich wealthy
poor impoverished
simple easy easily simply
hard difficult
dice die
speed velocity
travel travelling travelled move moving
label labelled labelling
model modelling modelled
method way approach
tip advice suggestion
begin beginning
usa america
uk britain
login log-in signin
fee charge
verify verification verified
identify identification identity
transfer transferred transferring
cancel cancellation cancelled canceled cancelling
expire expiry expiration expired
arrive arrival
deliver delivery
activate activation
top-up topup
accept accepted acceptance
decline declined rejected
install installation
explain explanation
describe description
define definition
summarize summary summarise
bad harmful
good beneficial
translate translation
convert conversion
compare comparison
calculate calculation compute
recommend recommendation
";
