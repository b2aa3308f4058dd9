package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// answer writes v as JSON.
func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the asker went away
}

// problem answers with an error that says what is wrong.
func problem(w http.ResponseWriter, code int, text string) {
	answer(w, code, map[string]string{"error": text})
}

func (s *Server) readings(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, s.cfg.Hub.All())
}

func (s *Server) gateways(w http.ResponseWriter, _ *http.Request) {
	all := s.cfg.Gateways()
	if all == nil {
		all = []Gateway{}
	}
	answer(w, http.StatusOK, all)
}

// reading answers with one gateway's reading, or 503 when it is older than the
// asker can use.
func (s *Server) reading(w http.ResponseWriter, r *http.Request) {
	current := s.cfg.Hub.Latest(r.PathValue("gateway"))
	if current == nil {
		problem(w, http.StatusNotFound, "there is no reading of that gateway (yet)")
		return
	}
	if text := r.FormValue("max_age"); text != "" {
		limit, err := span(text)
		if err != nil {
			problem(w, http.StatusBadRequest, "max_age: "+err.Error())
			return
		}
		if current.Time.IsZero() {
			problem(w, http.StatusServiceUnavailable, "nothing was measured yet")
			return
		}
		if age := time.Since(current.Time); age > limit {
			problem(w, http.StatusServiceUnavailable, "the reading is "+age.Round(time.Second).String()+" old")
			return
		}
	}
	answer(w, http.StatusOK, current)
}

var errSpan = errors.New("write a span such as 30s, 1m, 6h or 1d")

// longestSpan is a century: longer is a slip of the pen, and must not wrap.
const longestSpan = 100 * 365 * 24 * time.Hour

// span parses 30s, 15m, 6h and also 1d, 2w and plain seconds.
func span(text string) (time.Duration, error) {
	number, factor := text, time.Second
	switch {
	case strings.HasSuffix(text, "d"):
		number, factor = text[:len(text)-1], 24*time.Hour
	case strings.HasSuffix(text, "w"):
		number, factor = text[:len(text)-1], 7*24*time.Hour
	}
	if n, err := strconv.ParseUint(number, 10, 64); err == nil {
		if n > uint64(longestSpan/factor) {
			return 0, errSpan
		}
		return time.Duration(n) * factor, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > longestSpan {
		return 0, errSpan
	}
	return d, nil
}

func (s *Server) history(w http.ResponseWriter, r *http.Request) {
	q, err := parseQuery(r)
	if err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	series, err := s.cfg.History(r.Context(), q)
	switch {
	case errors.Is(err, ErrQuery):
		problem(w, http.StatusBadRequest, strings.ReplaceAll(err.Error(), ErrQuery.Error()+": ", ""))
	case err != nil && r.Context().Err() != nil: // the asker went away
	case err != nil:
		s.cfg.Log.Warn("history not read", "error", err)
		problem(w, http.StatusInternalServerError, "the history cannot be read at present")
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if series.Step > 0 { // it may be coarser than was asked
			w.Header().Set("X-Step", strconv.FormatInt(int64(series.Step/time.Second), 10)+"s")
		}
		_, _ = w.Write(series.appendJSON(nil)) // the asker went away
	}
}

func parseQuery(r *http.Request) (Query, error) {
	q := Query{Gateway: r.FormValue("gateway")}
	for _, p := range []struct {
		name string
		into *time.Time
	}{{"from", &q.From}, {"to", &q.To}} {
		text := r.FormValue(p.name)
		if text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return q, errors.New(p.name + ": write a time such as 2026-06-21T00:00:00Z (RFC 3339)")
		}
		*p.into = t
	}
	if text := r.FormValue("step"); text != "" {
		step, err := span(text)
		if err != nil || step < time.Second {
			return q, errors.New("step: " + errSpan.Error())
		}
		q.Step = step
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return q, errors.New("from must be before to")
	}
	return q, nil
}

// appendJSON writes {"columns": […], "rows": [[time, …], …]}; missing is null.
func (s Series) appendJSON(b []byte) []byte {
	columns, _ := json.Marshal(append([]string{}, s.Columns...)) // texts always marshal, and none is [] rather than null
	b = append(append(b, `{"columns":`...), columns...)
	b = append(b, `,"rows":[`...)
	for i, t := range s.Times {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[', '"')
		b = t.UTC().AppendFormat(b, time.RFC3339)
		b = append(b, '"')
		for _, v := range s.Values[i] {
			b = v.Append(append(b, ','))
		}
		b = append(b, ']')
	}
	return append(b, ']', '}', '\n')
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	code := http.StatusOK
	conditions := s.cfg.Board.Conditions()
	if stuck := s.cfg.Board.Stuck(); len(stuck) > 0 {
		code = http.StatusServiceUnavailable
		for _, name := range stuck {
			conditions = append(conditions, status.Condition{Name: "loop/" + name, State: status.Red,
				Since: time.Now(), Message: "this part of the program does not go on", Mend: "Restart envoyd and report this."})
		}
	}
	answer(w, code, map[string]any{"conditions": conditions})
}

// readyz answers 503 while no gateway's power is fresh. One whose readings are
// yellow has none to give, because it is night.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	code := http.StatusServiceUnavailable
	for _, r := range s.cfg.Hub.All() {
		if r.Quality == reading.Good || s.cfg.Board.Get("readings/"+r.Gateway).State == status.Yellow {
			code = http.StatusOK
		}
	}
	answer(w, code, map[string]any{"conditions": s.cfg.Board.Conditions()})
}
