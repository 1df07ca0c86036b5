-- wrk's script: books one ticket a request, or so many in a batch, each for a new customer.
--   wrk -t1 -c64 -d10s -s bench/tools/wrk.lua http://127.0.0.1:3000 -- EVENT_ID [TICKETS_IN_A_BATCH]
-- With API_KEY in the environment, as the holder of that key.
local event, batch, count = "1", nil, 0
local headers = { ["Content-Type"] = "application/json" }
local threads = 0

if os.getenv("API_KEY") then
  headers["Authorization"] = "Bearer " .. os.getenv("API_KEY")
end

function setup(thread) -- each thread is a Lua of its own: a number keeps their customers apart
  threads = threads + 1
  thread:set("number", threads)
end

function init(args)
  event, batch = args[1] or event, tonumber(args[2])
  math.randomseed(os.time())
  run = string.format("%06x-%d", math.random(0, 0xffffff), number)
end

function booking(more)
  count = count + 1
  return "{" .. more .. '"eventId":"' .. event .. '","userId":"' .. run .. "-" .. count .. '","quantity":1}'
end

function request()
  if not batch then
    return wrk.format("POST", "/book", headers, booking(""))
  end
  local commands = {}
  for number = 1, batch do
    commands[number] = booking('"do":"book",')
  end
  return wrk.format("POST", "/batch", headers, '{"commands":[' .. table.concat(commands, ",") .. "]}")
end
