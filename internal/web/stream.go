package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// heartbeat is how often something is sent when nothing changes, which keeps
// connections through proxies open and finds out who went away.
const heartbeat = 15 * time.Second

// takeWithin is how long a listener may take for one event: a phone that fell
// asleep must not hold a place for ever.
const takeWithin = 15 * time.Second

// stream sends each new reading as a server-sent event.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "30")
		problem(w, http.StatusServiceUnavailable, fmt.Sprintf("%d streams are open already", maxStreams))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return
	}
	listener := s.cfg.Hub.Listen()
	defer listener.Close()
	out := &events{w: w, control: http.NewResponseController(w)}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	if !out.send(": welcome\n\n") {
		return
	}
	for ok := true; ok; {
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			ok = out.send(": \n\n")
		case reading := <-listener.C:
			text, err := json.Marshal(reading)
			ok = err == nil && out.send("event: reading\ndata: "+string(text)+"\n\n")
		}
	}
}

// events writes to one listener, who has a while to take each event.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (e *events) send(text string) bool {
	if e.control.SetWriteDeadline(time.Now().Add(takeWithin)) != nil {
		return false
	}
	if _, err := e.w.Write([]byte(text)); err != nil {
		return false
	}
	return e.control.Flush() == nil
}
