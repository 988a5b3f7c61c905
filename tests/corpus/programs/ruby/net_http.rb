# Ruby's Net::HTTP, one call after another: net_http.rb each|one URL COUNT.
#
# each   Net::HTTP.get_response, which dials for each call
# one    one Net::HTTP.start for all
#
# It says its pid, waits for a line on stdin, works, says what it counted, and ends when its stdin
# ends: JSON lines.

require "json"
require "net/http"

mode, url, count = ARGV
uri = URI(url)
$dials = 0

# Counts where Net::HTTP dials.
module Counted
  def connect
    $dials += 1
    super
  end
end
Net::HTTP.prepend(Counted)

$stdout.sync = true
puts JSON.generate(pid: Process.pid)
$stdin.gets
answers =
  case mode
  when "each" then Array.new(count.to_i) { Net::HTTP.get_response(uri) }
  when "one"
    Net::HTTP.start(uri.host, uri.port, nil) { |http| Array.new(count.to_i) { http.get(uri.path) } }
  else abort "no mode #{mode}"
  end
answered = answers.count { |answer| answer.is_a?(Net::HTTPOK) }
puts JSON.generate(done: true, dials: $dials, answers: answered)
$stdin.read
