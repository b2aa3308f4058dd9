package cloud

import (
	"net/http"
	"slices"
	"time"
)

// Call is a data call that carried a key of the application, refused or not.
type Call struct {
	Time     time.Time
	Endpoint string // the path behind /api/v4/systems, such as /{id}/summary
	Status   int    // 0 while it is under way, and when no answer was given
}

// Calls lists the data calls, oldest first.
func (c *Cloud) Calls() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// Count counts the calls of an endpoint; "" counts all.
func (c *Cloud) Count(endpoint string) int {
	return c.counted(func(call Call) bool { return endpoint == "" || call.Endpoint == endpoint })
}

// InMinute counts the calls of the clock minute of t.
func (c *Cloud) InMinute(t time.Time) int {
	from := t.Truncate(time.Minute)
	return c.counted(func(call Call) bool { return !call.Time.Before(from) && call.Time.Before(from.Add(time.Minute)) })
}

// InMonth counts the calls of the calendar month (UTC) of t.
func (c *Cloud) InMonth(t time.Time) int {
	from := monthOf(t)
	return c.counted(func(call Call) bool { return !call.Time.Before(from) && call.Time.Before(from.AddDate(0, 1, 0)) })
}

// Busiest is the largest number of calls in any time of that length, wherever
// it begins.
func (c *Cloud) Busiest(length time.Duration) int {
	calls := c.Calls()
	most, oldest := 0, 0
	for i, call := range calls {
		for call.Time.Sub(calls[oldest].Time) >= length {
			oldest++
		}
		most = max(most, i-oldest+1)
	}
	return most
}

// TokenCalls counts the requests to the token endpoint, which no plan limits.
func (c *Cloud) TokenCalls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tokens
}

func (c *Cloud) counted(belongs func(Call) bool) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, call := range c.calls {
		if belongs(call) {
			n++
		}
	}
	return n
}

// begin notes a call; the returned writer notes its status.
func (c *Cloud) begin(w http.ResponseWriter, endpoint string) *recorder {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, Call{Time: time.Now(), Endpoint: endpoint})
	return &recorder{ResponseWriter: w, cloud: c, call: len(c.calls) - 1}
}

// recorder tells the list of calls what was answered.
type recorder struct {
	http.ResponseWriter
	cloud *Cloud
	call  int
}

// WriteHeader notes the status.
func (r *recorder) WriteHeader(status int) {
	r.cloud.mu.Lock()
	r.cloud.calls[r.call].Status = status
	r.cloud.mu.Unlock()
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// monthOf is the first moment of the month of t; which zone the vendor's
// months have is not known.
func monthOf(t time.Time) time.Time {
	y, m, _ := t.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}
