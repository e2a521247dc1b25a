/** Requests whose keys are not all at a fixed place, or are found in an unusual way; also some that are wrong. */
export const REQUESTS: readonly string[] = `
get a
set a 1 get
mset a 1 b 2
mset a 1 b
del a b c
object encoding a
object freq
memory usage a samples 3
sort a
sort a by w_* limit 0 1 get # get o_* store d
sort a store d store e
sort a by nosort store
sort_ro a by w_*
migrate h 1 a 0 10
migrate h 1 "" 0 10 keys a b
migrate h 1 a 0 10 copy replace
eval s 2 a b c
eval s 0
eval s x a
eval s 3 a b
evalsha s 1 a
eval_ro s 1 a b
fcall f 1 a b
fcall_ro f 2 a b c
zunionstore d 2 a b weights 1 2
zunionstore d 3 a b
zinterstore d 1 a
zdiffstore d 2 a b
zunion 2 a b
zunion 0 a
zinter 2 a b aggregate max
zintercard 2 a b limit 3
zdiff 1 a withscores
zrangestore d s 0 -1
zmpop 2 a b min
bzmpop 0 2 a b max count 3
lmpop 2 a b left
blmpop 0 1 a right
sintercard 2 a b
xread count 1 block 0 streams a b 0 0
xread streams a 0
xread a 0
xread count streams streams a b 0 0
xreadgroup group g c count 1 streams a b > >
xreadgroup group g streams streams a >
xadd a * f v
xgroup create a g $
xgroup create a g $ mkstream
xinfo stream a
xinfo help
georadius a 1 2 3 km
georadius a 1 2 3 km store d
georadius a 1 2 3 km count 3 storedist d
georadius a 1 2 3 km store d storedist e
georadius_ro a 1 2 3 km
georadiusbymember a m 3 km store d
geosearchstore d s frommember m byradius 1 km
bitop and d a b
bitfield a get u4 0
bitfield a set u4 0 1
bitfield a incrby u4 0 1
bitfield_ro a get u4 0
pfmerge d a b
pfcount a b
pfdebug getreg a
lmove a b left right
blmove a b left right 0
rpoplpush a b
brpoplpush a b 0
blpop a b c 0
bzpopmin a b 0
smove a b m
sinterstore d a b
sdiffstore d a
rename a b
copy a b db 1
touch a b
watch a b
restore a 0 x
dump a
publish c m
spublish c m
ssubscribe c d
subscribe c
lcs a b len
set a b ex 10
set a
getex a persist
ping
config get a
client list
cluster keyslot a
nosuchcommand a
`
  .trim()
  .split('\n');
