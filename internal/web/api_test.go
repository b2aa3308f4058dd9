package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/status"
	"envoyd/internal/web"

	"github.com/google/go-cmp/cmp"
)

// golden compares lines with testdata/name.golden.
func golden(t *testing.T, name string, lines []string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// jsonPaths lists the paths of a document with the kinds of their values.
func jsonPaths(into map[string]bool, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			jsonPaths(into, path+"."+key, value)
		}
	case []any:
		for _, value := range v {
			jsonPaths(into, path+"[]", value)
		}
	default:
		into[fmt.Sprintf("%s %T", path, v)] = true
	}
}

func TestJSONPathsAreFrozen(t *testing.T) {
	h := newHouse(nil)
	h.hub.Publish(measured(home, "Home", time.Now(), 807.3))
	h.board.Set("store", status.Green, "kept", "")
	v := h.visitor(t)
	found := map[string]bool{}
	for _, path := range []string{"/api/v1/readings", "/api/v1/readings/" + home, "/api/v1/gateways", "/api/v1/history", "/healthz", "/readyz",
		"/api/v1/readings/nobody", "/api/v1/history?step=x"} {
		answer, body := v.get(path)
		if answer.Header.Get("Content-Type") != "application/json" || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, answer.Header)
		}
		var document any
		if err := json.Unmarshal([]byte(body), &document); err != nil {
			t.Fatalf("%s: %v in %s", path, err, body)
		}
		jsonPaths(found, strings.Replace(path, home, "<gateway>", 1)+" ", document)
	}
	golden(t, "json", slices.Sorted(maps.Keys(found)))
}

func TestNothingKnownIsAnEmptyList(t *testing.T) {
	h := newHouse(func(c *web.Config) { c.History, c.Gateways, c.Daemon = nil, nil, nil })
	v := h.visitor(t)
	for path, want := range map[string]string{
		"/api/v1/readings": `[]`, "/api/v1/gateways": `[]`, "/healthz": `{"conditions":[]}`, "/readyz": `{"conditions":[]}`,
		"/api/v1/history": `{"columns":["time"],"rows":[]}`,
	} {
		if _, body := v.get(path); strings.TrimSpace(body) != want {
			t.Errorf("%s: %s, want %s", path, body, want)
		}
	}
}

func TestHistoryWithoutColumnsIsNotNull(t *testing.T) {
	h := newHouse(func(c *web.Config) {
		c.History = func(context.Context, web.Query) (web.Series, error) { return web.Series{}, nil }
	})
	if body := h.direct("/api/v1/history").Body.String(); body != `{"columns":[],"rows":[]}`+"\n" {
		t.Errorf("got %s", body)
	}
}

func TestReadingByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(nil)
		h.hub.Publish(measured(home, "Home", time.Now(), 807.3))
		time.Sleep(45 * time.Second)
		for query, want := range map[string]int{
			"": http.StatusOK, "?max_age=45s": http.StatusOK, "?max_age=1m": http.StatusOK, "?max_age=60": http.StatusOK, "?max_age=1d": http.StatusOK,
			"?max_age=44s": http.StatusServiceUnavailable, "?max_age=0": http.StatusServiceUnavailable,
			"?max_age=soon": http.StatusBadRequest, "?max_age=-1s": http.StatusBadRequest, "?max_age=65535w": http.StatusBadRequest,
			"?max_age=18446744073709551615": http.StatusBadRequest,
		} {
			answer := h.direct("/api/v1/readings/" + home + query)
			if answer.Code != want {
				t.Errorf("%s: %d, want %d", query, answer.Code, want)
			}
			if want >= 400 && !strings.HasPrefix(answer.Body.String(), `{"error":"`) {
				t.Errorf("%s: %s", query, answer.Body)
			}
		}
		if answer := h.direct("/api/v1/readings/122333444999"); answer.Code != http.StatusNotFound {
			t.Errorf("an unknown gateway: %d", answer.Code)
		}
	})
}

func TestAReadingOfNothingHasNoTimeAndNoAge(t *testing.T) {
	h := newHouse(nil)
	h.hub.Publish(&reading.Reading{Gateway: home, Serial: home, Source: reading.Local, Quality: reading.Stale})
	answer := h.direct("/api/v1/readings/" + home)
	if answer.Code != http.StatusOK || strings.Contains(answer.Body.String(), `"time"`) {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	answer = h.direct("/api/v1/readings/" + home + "?max_age=1m")
	if answer.Code != http.StatusServiceUnavailable || !strings.Contains(answer.Body.String(), "nothing was measured") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if body := h.direct("/metrics").Body.String(); strings.Contains(body, "enphase_reading_timestamp_seconds{") {
		t.Errorf("the metrics tell a time: %s", body)
	}
}

func TestHistoryAsksWhatItWasAsked(t *testing.T) {
	var got web.Query
	h := newHouse(func(c *web.Config) {
		c.History = func(_ context.Context, q web.Query) (web.Series, error) {
			got = q
			at := time.Date(2026, 6, 21, 12, 0, 0, 0, time.FixedZone("", 7200))
			return web.Series{Step: time.Hour, Columns: []string{"time", "production_w", "grid_w"}, Times: []time.Time{at, at.Add(time.Minute)},
				Values: [][]reading.Value{{reading.Of(1.23456), {}}, {{}, reading.Of(-7)}}}, nil
		}
	})
	query := url.Values{"gateway": {home}, "from": {"2026-06-21T00:00:00+02:00"}, "to": {"2026-06-21T12:00:00Z"}, "step": {"5m"}}
	answer := h.direct("/api/v1/history?" + query.Encode())
	const want = `{"columns":["time","production_w","grid_w"],"rows":[["2026-06-21T10:00:00Z",1.235,null],["2026-06-21T10:01:00Z",null,-7]]}` + "\n"
	if answer.Body.String() != want {
		t.Errorf("got  %swant %s", answer.Body, want)
	}
	if step := answer.Header().Get("X-Step"); step != "3600s" {
		t.Errorf("the step that was served is told as %q", step)
	}
	if got.Gateway != home || got.Step != 5*time.Minute || !got.From.Equal(time.Date(2026, 6, 20, 22, 0, 0, 0, time.UTC)) ||
		!got.To.Equal(time.Date(2026, 6, 21, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("query %+v", got)
	}
	h.direct("/api/v1/history")
	if got != (web.Query{}) {
		t.Errorf("query of nothing: %+v", got)
	}
}

func TestHistoryRefuses(t *testing.T) {
	h := newHouse(func(c *web.Config) {
		c.History = func(_ context.Context, q web.Query) (web.Series, error) {
			if q.Gateway == "broken" {
				return web.Series{}, errors.New("/var/lib/envoyd/history.db: disk I/O error")
			}
			return web.Series{}, fmt.Errorf("%w: %w: gateway must be one of %s", web.ErrQuery, web.ErrQuery, home)
		}
	})
	for query, want := range map[string]string{
		"from=yesterday": "from: write a time", "to=12": "to: write a time", "step=x": "step: write a span", "step=0s": "step: write a span",
		"step=10ms": "step: write a span", "step=20000w": "step: write a span",
		"from=2026-06-21T00:00:00Z&to=2026-06-20T00:00:00Z": "from must be before to", "gateway=x": "gateway must be one of " + home,
	} {
		answer := h.direct("/api/v1/history?" + query)
		if answer.Code != http.StatusBadRequest || !strings.HasPrefix(answer.Body.String(), `{"error":"`+want) {
			t.Errorf("%s: %d %s", query, answer.Code, answer.Body)
		}
	}
	answer := h.direct("/api/v1/history?gateway=broken")
	if answer.Code != http.StatusInternalServerError || strings.Contains(answer.Body.String(), "/var/lib") {
		t.Errorf("a broken store: %d %s", answer.Code, answer.Body)
	}
}

func TestReadyWhileAReadingIsFresh(t *testing.T) {
	h := newHouse(nil)
	h.board.Set("gateway/"+home, status.Red, "does not answer", "Look whether it has power.")
	if answer := h.direct("/readyz"); answer.Code != http.StatusServiceUnavailable || !strings.Contains(answer.Body.String(), "Look whether it has power.") {
		t.Errorf("before the first reading: %d %s", answer.Code, answer.Body)
	}
	r := measured(home, "Home", time.Now(), 807.3)
	h.hub.Publish(r)
	if answer := h.direct("/readyz"); answer.Code != http.StatusOK {
		t.Errorf("with a fresh reading: %d", answer.Code)
	}
	old := *r
	old.Quality = reading.Stale
	h.hub.Publish(&old)
	if answer := h.direct("/readyz"); answer.Code != http.StatusServiceUnavailable {
		t.Errorf("with a stale reading: %d", answer.Code)
	}
	if answer := h.direct("/healthz"); answer.Code != http.StatusOK {
		t.Errorf("healthz, though only the outside fails: %d", answer.Code)
	}
	h.board.Set("readings/"+home, status.Yellow, "the microinverters sleep", "")
	if answer := h.direct("/readyz"); answer.Code != http.StatusOK {
		t.Errorf("at night: %d", answer.Code)
	}
	h.board.Set("readings/"+home, status.Red, "they fell silent at noon", "Look at the breaker.")
	if answer := h.direct("/readyz"); answer.Code != http.StatusServiceUnavailable {
		t.Errorf("with inverters that fail: %d", answer.Code)
	}
}

func TestHealthFollowsOurOwnLoops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(nil)
		h.board.Beat("collect", time.Minute)
		time.Sleep(59 * time.Second)
		if answer := h.direct("/healthz"); answer.Code != http.StatusOK {
			t.Errorf("in time: %d", answer.Code)
		}
		time.Sleep(2 * time.Second)
		if answer := h.direct("/healthz"); answer.Code != http.StatusServiceUnavailable || !strings.Contains(answer.Body.String(), `"loop/collect","state":"red"`) {
			t.Errorf("stuck: %d %s", answer.Code, answer.Body)
		}
	})
}
