//! Alternatives that exclude one another: a prompt with one has another answer than the prompt with another.

/// One group a line, alternatives between bars; words of one alternative are interchangeable here.
pub(super) const OPPOSITES: &str = "
on | off
up | down
in inside | out outside
before prior | after
above over | below under beneath
more | less fewer
most | least
max maximum maximal | min minimum minimal
increase increasing raise | decrease decreasing reduce lower
rise rising | fall falling drop
grow | shrink
buy purchase bought | sell sold
lend lending | borrow borrowing
deposit | withdraw withdrawal
send sent | receive received
give | take
push | pull
open | close closed shut
lock | unlock
enable | disable
activate | deactivate
start begin | stop end
win won winner | lose lost loser
ascending asc | descending desc
first | last
best | worst | cheapest | easiest | hardest | fastest | slowest
biggest largest greatest | smallest
highest tallest | lowest shortest
longest | shortest
oldest eldest | youngest newest latest
nearest closest | farthest furthest
strongest | weakest
richest | poorest
better | worse
bigger larger greater | smaller
higher taller | lower shorter
longer | shorter
older | younger newer
faster quicker | slower
hotter warmer | colder cooler
cheaper | costlier
stronger | weaker
long | short
high tall | low
big large huge | small tiny little
heavy | light
thick | thin
wide broad | narrow
deep | shallow
old | new | young
early earlier | late later
fast quick | slow
hot warm | cold cool
wet | dry
hard difficult | easy simple
strong | weak
rich wealthy | poor
good great | bad terrible awful
right | wrong | left
true | false
safe | dangerous unsafe risky
legal | illegal
public | private
internal | external
import | export
input | output
upload | download
encode encrypt | decode decrypt
encoder | decoder
compress | decompress
serialize | deserialize
install | uninstall
login | logout
connect | disconnect
attach | detach
mount | unmount
show display | hide
allow permit | forbid deny block prohibit
accept approve | reject decline refuse
include | exclude
add | remove delete subtract
multiply | divide
insert | extract
expand | collapse
appear | disappear
gain profit | loss
asset | liability
income revenue | expense
credit | debit | prepaid
call | put
market | limit
bull bullish | bear bearish
advantage benefit pro pros | disadvantage drawback con cons
strength | weakness
success succeed | failure fail
love like | hate dislike
happy | sad unhappy
hopeful | hopeless
optimistic | pessimistic
active | passive
proud arrogant | humble modest
smart intelligent clever | stupid dumb
polite | rude
brave | cowardly
powerful | powerless
healthy | unhealthy sick ill
alive living | dead
male man men boy | female woman women girl
husband | wife
father dad | mother mom mum
son | daughter
brother | sister
uncle | aunt
king | queen
he him his himself | she her hers herself
employer | employee
teacher | student
buyer | seller
landlord | tenant
client | server
parent | child
question | answer
cause | effect
problem | solution
north northern | south southern | east eastern | west western
summer | winter | spring | autumn
morning | afternoon | evening | night
day daytime | nighttime
daily | weekly | monthly | yearly annual annually | quarterly | hourly
yesterday | today | tomorrow
past | present | future
always | never | sometimes | usually often | rarely seldom | ever
all every each | some several | few
singular | plural
synonym | antonym
formal | informal casual
upper uppercase | lowercase
row | column
horizontal | vertical
odd | even
positive | negative
prefix | suffix
local | remote | global
static | dynamic
sync synchronous | async asynchronous
mutable | immutable
primary | secondary
major | minor
gold | platinum | silver | bronze
virtual | physical
domestic | international
domestic | foreign
single | double | triple
single | married
cash | cheque
liquid | solid | gas
acid acidic | base alkaline
beginner | advanced expert
theory theoretical | practice practical
vegetarian | vegan
iphone ios | android
windows | linux ubuntu | mac macos
forward forwards | backward backwards
clockwise | counterclockwise anticlockwise
stop | continue
remember | forget
attack | defend
arrive arrival | depart departure leave
heaven | hell
guilty | innocent
ordinary | capital
realized | unrealized
taxable | deductible
inherited | gifted
hedge | speculate
";
