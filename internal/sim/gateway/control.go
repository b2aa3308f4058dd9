package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"envoyd/internal/sim/fault"
)

// control is the switchboard. It serves only this machine, and only under a
// name that no web page can be made to point here; over plain HTTP too, even
// while the gateway refuses connections. Parameters come in the query or as a
// flat JSON object. Each POST answers with the state that GET /_sim/state tells:
// serial, firmware, address, pin, end of the certificate, faults that are on.
//
//	refuse stall cut html empty 401 502 503 freeze zeros nometers flicker spike
//	                     see package fault; for=60s count=3 path=/ivp/meters/readings;
//	                     401 with path=/ivp/ leaves check_jwt alone, as a lost session does
//	clear                ends all faults; fault=NAME only that one
//	sessions             drops all sessions and digest nonces
//	token                refuses from now on every token that was ever shown
//	move                 another port, or address=HOST:PORT
//	key                  another key in a new certificate
//	certificate          the same key in a certificate that ended a day ago, or life=720h
//	restart              drops connections and sessions, then zeros for=60s
//	wrap                 the inverter sum falls by 1 193 046.47 Wh
//	reset                a CT begins at zero; meter=production|net-consumption|storage
//	firmware             version=8.3.5167, with a restart
//	offgrid              opens the main relay; on=false closes it
//	remove               takes an inverter off the roof, or serial=S
//	swap                 the same, and puts a new one in its place
//	truth (GET)          what really is: powers and energies of this moment
func (g *Gateway) control(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/_sim/")
	if !fault.FromLoopback(r) {
		http.Error(w, "the switches work from this machine only", http.StatusForbidden)
		return
	}
	query, err := fault.Parameters(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	spare(r.Context())
	w.Header().Set("Connection", "close")
	answer, err := g.turn(r.Method, name, query)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		g.log.Warn("switch could not be answered", "switch", name, "error", err)
	}
}

// turn finds the switch and throws it.
func (g *Gateway) turn(method, name string, query url.Values) (any, error) {
	reads := name == "state" || name == "truth"
	if reads != (method == http.MethodGet) {
		return nil, fmt.Errorf("/_sim/%s does not take %s", name, method)
	}
	if act, ok := g.cfg.Actions[name]; ok {
		return act(query.Get)
	}
	if act, ok := g.actions()[name]; ok {
		return act(query.Get)
	}
	kind, err := fault.Parse(name)
	if err != nil {
		return nil, err
	}
	o, err := fault.ParseOptions(query)
	if err != nil {
		return nil, err
	}
	g.Throw(kind, o)
	return g.State(), nil
}

// actions are the switches of the gateway itself.
func (g *Gateway) actions() map[string]Action {
	return map[string]Action{
		"state": func(func(string) string) (any, error) { return g.State(), nil },
		"clear": func(q func(string) string) (any, error) {
			var kinds []fault.Kind
			if name := q("fault"); name != "" {
				kind, err := fault.Parse(name)
				if err != nil {
					return nil, err
				}
				kinds = append(kinds, kind)
			}
			g.faults.Clear(kinds...)
			return g.State(), nil
		},
		"sessions": func(func(string) string) (any, error) { g.DropSessions(); return g.State(), nil },
		"token":    func(func(string) string) (any, error) { g.ExpireTokens(); return g.State(), nil },
		"move": func(q func(string) string) (any, error) {
			_, err := g.Move(q("address"))
			return g.State(), err
		},
		"key": func(func(string) string) (any, error) {
			_, err := g.NewKey()
			return g.State(), err
		},
		"certificate": func(q func(string) string) (any, error) {
			life, err := duration(q("life"), -24*time.Hour)
			if err != nil {
				return nil, err
			}
			_, err = g.RenewCertificate(life)
			return g.State(), err
		},
	}
}

// ExpireTokens refuses from now on every token that was shown so far.
func (g *Gateway) ExpireTokens() { g.sessions.expireTokens() }

// State is what /_sim/state tells, to be written as JSON.
func (g *Gateway) State() any {
	id := g.cfg.Site.Identity()
	address := g.Addr()
	g.mu.Lock()
	defer g.mu.Unlock()
	return struct {
		Serial      string        `json:"serial"`
		Firmware    string        `json:"firmware"`
		Address     string        `json:"address"`
		Pin         string        `json:"pin"`
		Certificate time.Time     `json:"certificate_ends"`
		Faults      []fault.Fault `json:"faults"`
	}{id.Serial, id.Firmware, address, g.cert.pin, g.cert.ends, g.faults.Active()}
}

func duration(text string, otherwise time.Duration) (time.Duration, error) {
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("reading a duration such as 90s: %w", err)
	}
	return d, nil
}
