// Command fetch GETs one URL many times: fetch unread|drained|hoard URL COUNT.
//
//	unread   a shared client that closes each body without reading it
//	drained  a shared client that reads each body to its end
//	hoard    a client with a Transport of its own for each request, body read, ten a second until
//	         stdin ends; nothing is ever closed
//
// It says its pid, waits for a line on stdin, works and reports what it counted, as JSON lines.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

var dials, requests, ok int64

func say(facts map[string]interface{}) {
	if err := json.NewEncoder(os.Stdout).Encode(facts); err != nil {
		panic(err)
	}
}

func report(done bool) {
	say(map[string]interface{}{
		"dials": atomic.LoadInt64(&dials), "requests": requests, "ok": ok, "done": done,
	})
}

func transport() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			atomic.AddInt64(&dials, 1)
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
}

func get(client *http.Client, url string, read bool) {
	response, err := client.Get(url)
	if err != nil {
		panic(err)
	}
	requests++
	if response.StatusCode == http.StatusOK {
		ok++
	}
	if read {
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			panic(err)
		}
	}
	response.Body.Close()
}

func main() {
	mode, url := os.Args[1], os.Args[2]
	count, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	stdin := bufio.NewReader(os.Stdin)
	say(map[string]interface{}{"pid": os.Getpid()})
	stdin.ReadString('\n')

	if mode != "hoard" {
		client := &http.Client{Transport: transport()}
		for i := 0; i < count; i++ {
			get(client, url, mode == "drained")
		}
		report(true)
		return
	}

	stop := make(chan struct{})
	go func() {
		io.Copy(io.Discard, stdin)
		close(stop)
	}()
	for {
		select {
		case <-stop:
			report(true)
			return
		case <-time.After(100 * time.Millisecond):
			get(&http.Client{Transport: transport()}, url, true)
			report(false)
		}
	}
}
