package cloud

import (
	"net/http"
	"time"

	"envoyd/internal/sim/fault"
)

// Failure names one way the API fails, and the last part of
// /_sim/cloud/<failure> at its address.
type Failure = fault.Kind

// Failures of any path; they take for, count and path.
const (
	HTML         Failure = "html"    // 200 with a page
	Empty        Failure = "empty"   // 200 with no body
	Cut          Failure = "cut"     // half of the answer, then the connection is closed; what was asked is done
	Slow         Failure = "slow"    // the answer takes 20 s
	Stall        Failure = "stall"   // no answer at all
	Unauthorized Failure = "401"     // the usual envelope
	Forbidden    Failure = "403"     // the usual envelope
	NotFound     Failure = "404"     // the usual envelope
	Invalid      Failure = "422"     // the usual envelope
	Broken       Failure = "500"     // the usual envelope
	BrokenOdd    Failure = "500-rgm" // the envelope of rgm_stats
	BadGateway   Failure = "502"     // a page
	Unavailable  Failure = "503"     // a page
)

// Failures of the limits; they take for and count.
const (
	MinuteLimit Failure = "minute"      // the minute's hits are used up
	MonthLimit  Failure = "month"       // the month's hits are used up
	Bare429     Failure = "bare-429"    // refusals do not say the period
	Partner429  Failure = "partner-429" // refusals come in the other envelope
)

// slowness is what Slow takes.
const slowness = 20 * time.Second

// Failures lists them all.
func Failures() []Failure {
	return []Failure{
		HTML, Empty, Cut, Slow, Stall, Unauthorized, Forbidden, NotFound, Invalid, Broken, BrokenOdd, BadGateway, Unavailable,
		MinuteLimit, MonthLimit, Bare429, Partner429,
	}
}

// Fail throws a switch. o.Path is a path such as /oauth/token, or everything
// under it when it ends in a slash.
func (c *Cloud) Fail(f Failure, o fault.Options) { c.switches.Set(f, o) }

// Mend ends the given failures, all when none is given.
func (c *Cloud) Mend(f ...Failure) { c.switches.Clear(f...) }

// guarded plays the failures before a handler is asked.
func (c *Cloud) guarded(handle http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.misbehave(w, r) {
			c.cutting(w, r, handle)
		}
	})
}

// misbehave plays the failures that replace an answer.
func (c *Cloud) misbehave(w http.ResponseWriter, r *http.Request) bool {
	path := r.URL.Path
	on := func(f Failure) bool { return c.switches.Take(f, path) }
	switch {
	case on(Stall):
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case on(HTML):
		c.page(w, http.StatusOK, "Enphase", "<h1>Something went wrong</h1>")
	case on(Empty):
		w.WriteHeader(http.StatusOK)
	case on(BadGateway):
		c.page(w, http.StatusBadGateway, "502 Bad Gateway", "<center><h1>502 Bad Gateway</h1></center>")
	case on(Unavailable):
		c.page(w, http.StatusServiceUnavailable, "Maintenance", "<h1>We will be back soon</h1>")
	case on(BrokenOdd):
		c.answer(w, http.StatusInternalServerError, map[string]any{"errorCode": 7, "errorMessages": []string{"Internal error"}})
	default:
		return c.enveloped(w, on)
	}
	return true
}

// enveloped plays the failures of the usual envelope.
func (c *Cloud) enveloped(w http.ResponseWriter, on func(Failure) bool) bool {
	for f, p := range map[Failure]*problem{
		Unauthorized: unauthorized("User is not authorized"), Forbidden: forbidden(), NotFound: notFound("0"),
		Invalid: unprocessable("Requested date range is invalid"),
		Broken:  fail(http.StatusInternalServerError, "Internal Server Error", "Internal error"),
	} {
		if on(f) {
			c.answer(w, p.status, p.body)
			return true
		}
	}
	return false
}

// cutting lets a handler answer, late or only by half when told so.
func (c *Cloud) cutting(w http.ResponseWriter, r *http.Request, handle http.HandlerFunc) {
	if c.switches.Take(Slow, r.URL.Path) {
		select {
		case <-time.After(slowness):
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	if !c.switches.Take(Cut, r.URL.Path) {
		handle(w, r)
		return
	}
	whole := &holding{ResponseWriter: w}
	handle(whole, r)
	w.Write(whole.body[:len(whole.body)/2]) //nolint:errcheck // it is to be broken off anyway
	http.NewResponseController(w).Flush()   //nolint:errcheck // as above
	panic(http.ErrAbortHandler)
}

// holding keeps a body back.
type holding struct {
	http.ResponseWriter
	body []byte
}

// Write keeps it.
func (h *holding) Write(b []byte) (int, error) {
	h.body = append(h.body, b...)
	return len(b), nil
}
