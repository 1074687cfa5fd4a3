-- swim.lua - N members of tarantool's swim in one process, measured as `henge bench cluster`
-- measures henge: bootstrap, idle, update, crash. Prints one JSON object; bench/peers/README.md
-- tells what its keys mean. A phase that does not end within --limit ends the run, which says so in
-- "gave_up". "phase NAME" on stderr says where it is.
--
-- usage: tarantool swim.lua [--nodes N] [--idle-seconds S] [--updates U] [--limit S]

local clock = require('clock')
local fiber = require('fiber')
local json = require('json')
local swim = require('swim')

local SETTLE_S = 10 -- the traffic of a bootstrap dies down before anything else is measured
local BETWEEN_S = 2 -- updates
local HEARTBEAT_S, ACK_TIMEOUT_S = 1, 0.5
local PAGE_KIB = 4

local options = {nodes = 100, ['idle-seconds'] = 30, updates = 10, limit = 120}
local nodes = {} -- [i] = the swim object of node i
local told = {suspicions = 0, verdicts = 0} -- of living ones, by all nodes
local watch = {} -- uuid, payload (nil: its death), begin, seconds: when each node told

local function usage()
    io.stderr:write('usage: tarantool swim.lua [--nodes N] [--idle-seconds S] [--updates U] [--limit S]\n')
    os.exit(2)
end

local function parse(words)
    for i = 1, #words, 2 do
        local name = words[i]:match('^%-%-(.+)$')
        local value = tonumber(words[i + 1])
        if not name or not options[name] or not value or value < 1 then
            usage()
        end
        options[name] = value
    end
end

local function resident_kib()
    local file = io.open('/proc/self/statm')
    local pages = file:read('*a'):match('^%d+ (%d+)')
    file:close()
    return tonumber(pages) * PAGE_KIB
end

local function uuid_of(i)
    return ('00000000-0000-1000-8000-%012x'):format(i)
end

-- Until is_done(); false after the limit.
local function wait(is_done)
    local deadline = clock.monotonic() + options.limit
    while not is_done() do
        if clock.monotonic() > deadline then
            return false
        end
        fiber.sleep(0.005)
    end
    return true
end

local function start(i)
    nodes[i] = assert(swim.new({
        uuid = uuid_of(i), uri = '127.0.0.1:0',
        heartbeat_rate = HEARTBEAT_S, ack_timeout = ACK_TIMEOUT_S,
    }))
end

local function pairs_known()
    local known = 0
    for _, node in ipairs(nodes) do
        known = known + node:size()
    end
    return known
end

-- Tells all of all, so that what comes after a bootstrap can be measured without one.
local function introduce_all()
    for i, node in ipairs(nodes) do
        for j, other in ipairs(nodes) do
            if i ~= j and not node:member_by_uuid(uuid_of(j)) then
                node:add_member({uuid = uuid_of(j), uri = other:self():uri()})
            end
        end
        fiber.yield()
    end
end

-- Everyone is told of the seed and probes it at once. Members that are held dead are forgotten soon,
-- so sizes tell enough; to look at every member would cost memory that is measured later.
local function bootstrap(result)
    local wanted = options.nodes * options.nodes
    local begin, cpu = clock.monotonic(), clock.proc()
    start(1)
    local seed = nodes[1]:self():uri()
    for i = 2, options.nodes do
        start(i)
        assert(nodes[i]:add_member({uuid = uuid_of(1), uri = seed}))
        assert(nodes[i]:probe_member(seed))
        fiber.yield()
    end
    local function is_complete() return pairs_known() == wanted end
    if wait(is_complete) then
        result.bootstrap_s = clock.monotonic() - begin
        result.bootstrap_cpu_s = clock.proc() - cpu
    else
        result.gave_up = ('bootstrap: %.2f %% of all pairs know each other after %d s; the rest was told')
            :format(100 * pairs_known() / wanted, options.limit)
        introduce_all()
    end
    fiber.sleep(SETTLE_S)
    if not wait(is_complete) then
        return ('not stable: %.2f %% of all pairs know each other')
            :format(100 * pairs_known() / wanted)
    end
end

local function tell()
    table.insert(watch.seconds, clock.monotonic() - watch.begin)
end

local function hear(member, event)
    local is_watched = tostring(member:uuid()) == watch.uuid
    if event:is_new_payload() and is_watched and watch.payload and
       member:payload() == watch.payload then
        tell()
    end
    if not event:is_new_status() then
        return
    end
    local is_crash = is_watched and not watch.payload
    if member:status() == 'suspected' and not is_crash then
        told.suspicions = told.suspicions + 1
    elseif member:status() == 'dead' and is_crash then
        tell()
    elseif member:status() == 'dead' then
        told.verdicts = told.verdicts + 1
    end
end

local function idle(result)
    for _, node in ipairs(nodes) do
        node:on_member_event(hear)
    end
    local begin, cpu = clock.monotonic(), clock.proc()
    fiber.sleep(options['idle-seconds'])
    local share = options.nodes * (clock.monotonic() - begin)
    result.idle_cpu_us = (clock.proc() - cpu) * 1e6 / share
    result.false_suspicions, result.false_verdicts = told.suspicions, told.verdicts
end

local function quantile(sorted, part)
    return sorted[math.max(1, math.ceil(part * #sorted))]
end

local function observe(i, payload)
    watch = {uuid = uuid_of(i), payload = payload, begin = clock.monotonic(), seconds = {}}
end

-- Until all but the subject told; otherwise why not.
local function wait_told()
    local wanted = options.nodes - 1
    if not wait(function() return #watch.seconds >= wanted end) then
        return ('%d of %d nodes have it after %d s'):format(#watch.seconds, wanted, options.limit)
    end
    table.sort(watch.seconds)
end

local function update(result)
    local all = {}
    for turn = 1, options.updates do
        fiber.sleep(BETWEEN_S)
        local i = 2 + turn % (options.nodes - 1)
        observe(i, 'update ' .. turn)
        nodes[i]:set_payload(watch.payload)
        local problem = wait_told()
        if problem then
            return problem
        end
        for _, seconds in ipairs(watch.seconds) do
            table.insert(all, 1e3 * seconds)
        end
    end
    table.sort(all)
    result.update_ms = {p50 = quantile(all, 0.5), p99 = quantile(all, 0.99), max = all[#all]}
end

-- The last node closes its sockets without a word.
local function crash(result)
    observe(options.nodes)
    nodes[options.nodes]:delete()
    local problem = wait_told()
    if problem then
        return problem
    end
    local seconds = watch.seconds
    result.crash_s = {
        first = seconds[1], median = quantile(seconds, 0.5), last = seconds[#seconds],
    }
end

parse(arg)
local base_kib = resident_kib()
local result = {program = 'swim', nodes = options.nodes, idle_s = options['idle-seconds']}
local phases = {{'bootstrap', bootstrap}, {'idle', idle}, {'update', update}, {'crash', crash}}
for _, phase in ipairs(phases) do
    local name, run = unpack(phase)
    io.stderr:write('phase ', name, '\n')
    local problem = run(result)
    if problem then
        result.gave_up = name .. ': ' .. problem
        break
    end
    if name == 'idle' then
        result.memory_kb = (resident_kib() - base_kib) / options.nodes
    end
end
print(json.encode(result))
os.exit(0)
