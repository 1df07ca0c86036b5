-- wrk's script: books one ticket a request, for a new customer each time.
--   wrk -t1 -c64 -d10s -s bench/book.lua http://127.0.0.1:3000 -- EVENT_ID
-- Counts what was not 201 by status, since wrk itself only counts what is not 2xx or 3xx.
local event, count, other = "1", 0, {}
local headers = { ["Content-Type"] = "application/json" }

function init(args)
  event = args[1] or event
  math.randomseed(os.time())
  run = string.format("%06x", math.random(0, 0xffffff))
end

function request()
  count = count + 1
  local body = '{"eventId":"' .. event .. '","userId":"' .. run .. "-" .. count .. '","quantity":1}'
  return wrk.format("POST", "/book", headers, body)
end
