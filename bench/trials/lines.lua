-- wrk's script: a POST for each line of a file, over and over, or once.
--   wrk … -s bench/trials/lines.lua URL -- PATH FILE BODY [once]
-- BODY is a format: its first %s is the line, its next one a customer that no other request has.
-- With `once`, wrk sends what nobody can serve after the last line, so that it is seen in the failures.
local path, body, once = "/", "", false
local headers = { ["Content-Type"] = "application/json" }
local lines, at, count = {}, 0, 0

function init(args)
  path, body, once = args[1], args[3], args[4] == "once"
  for line in io.lines(args[2]) do
    lines[#lines + 1] = line
  end
  math.randomseed(os.time())
  run = string.format("%06x-", math.random(0, 0xffffff))
end

function request()
  at, count = at + 1, count + 1
  if at > #lines then
    if once then
      return wrk.format("GET", "/no-line-is-left")
    end
    at = 1
  end
  return wrk.format("POST", path, headers, string.format(body, lines[at], run .. count))
end
