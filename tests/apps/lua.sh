# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Lua: an interpreter, its collector, coroutines, setjmp for errors.
. "$APPS/lib.sh"

cat >script.lua <<'EOF'
local function sieve(n)
	local composite, count = {}, 0
	for i = 2, n do
		if not composite[i] then
			count = count + 1
			for j = i * i, n, i do composite[j] = true end
		end
	end
	return count
end
print("primes", sieve(15000))

local words = {}
for w in ("the quick brown fox jumps over the lazy dog the end"):gmatch("%a+") do
	words[w] = (words[w] or 0) + 1
end
local keys = {}
for k in pairs(words) do keys[#keys + 1] = k end
table.sort(keys)
for _, k in ipairs(keys) do io.write(k, "=", words[k], " ") end
print()

local producer = coroutine.wrap(function() for i = 1, 4000 do coroutine.yield(i) end end)
local sum = 0
for v in producer do sum = sum + v end
print("coroutine", sum)

for i = 1, 2000 do
	local good, err = pcall(function() if i % 2 == 0 then error({ code = i }) end return i end)
	if not good and i == 2000 then print("error", err.code) end
end
print(pcall(function() return nil + 1 end))
local deep = function(f, n) return n == 0 and 0 or 1 + f(f, n - 1) end
print("deep", deep(deep, 5000))
print("overflow", (pcall(string.rep, "x", -1)), (pcall(function() local function f() return pcall(f) end f() error("x") end)))

local t = {}
for i = 1, 8000 do t[i % 100] = { i, tostring(i) } end
collectgarbage()
print("garbage", collectgarbage("count") < 8000)
print(string.format("%.6f %5d %q", math.sin(1), 42, "a\nb"), 7 // 2, 2^53, 1 << 40)
print(("x"):rep(10000):gsub("x", "yz"):len())
local f = io.open("lua.out", "w")
for i = 1, 1500 do f:write(i, "\n") end
f:close()
local n = 0
for line in io.lines("lua.out") do n = n + tonumber(line) end
print("lines", n)
local p = io.popen("echo from a child; exit 3")
print(p:read("a"), p:close())
print(os.execute("kill -TERM $$"))
os.exit(12)
EOF
run lua5.4 script.lua
echo "status $?"
