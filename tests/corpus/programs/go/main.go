// Command client plays the Go clients of the corpus: client get|raw|dial FLAGS.
//
// It says its pid, waits for a line on stdin, works, says what it counted and ends when its stdin does.
package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"sync/atomic"
)

// What it counts: dials begun, dials that succeeded, requests sent, answers that came, and errors.
var dials, connected, requests, answers, errors int64

func count(what *int64) { atomic.AddInt64(what, 1) }

func say(facts map[string]interface{}) {
	if err := json.NewEncoder(os.Stdout).Encode(facts); err != nil {
		panic(err)
	}
}

func main() {
	work := map[string]func([]string) func(){"get": get, "raw": raw, "dial": dial}[os.Args[1]](os.Args[2:])
	stdin := bufio.NewReader(os.Stdin)
	say(map[string]interface{}{"pid": os.Getpid()})
	if _, err := stdin.ReadString('\n'); err != nil {
		panic(err)
	}
	work()
	say(map[string]interface{}{
		"done": true, "dials": dials, "connected": connected, "requests": requests,
		"answers": answers, "errors": errors,
	})
	io.Copy(io.Discard, stdin)
}
