package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"envoyd/internal/discover"
	"envoyd/internal/fault"
	"envoyd/internal/gateway"
	"envoyd/internal/token"
	"envoyd/internal/trust"
)

// The control API is what the commands need beside the public one. It is
// served on the Unix socket only, never on the network.

// TokenState is what may be told of a gateway's token.
type TokenState struct {
	Serial    string    `json:"serial"`
	Role      string    `json:"role,omitempty"`
	Method    string    `json:"method,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// KeyState is the pinned and the present key of a gateway.
type KeyState struct {
	Serial   string    `json:"serial"`
	Pinned   []string  `json:"pinned"`
	Present  string    `json:"present,omitempty"`
	Address  string    `json:"address,omitempty"`
	NotAfter time.Time `json:"not_after,omitzero"`
	Error    string    `json:"error,omitempty"`
}

// tokenRequest carries a pasted token; serialRequest names a gateway.
type tokenRequest struct {
	Token string `json:"token"`
}

type serialRequest struct {
	Serial string `json:"serial"`
	SHA256 string `json:"sha256,omitempty"`
}

func (a *App) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /control/token", func(w http.ResponseWriter, _ *http.Request) { reply(w, a.tokenStates(), nil) })
	mux.HandleFunc("POST /control/token/set", func(w http.ResponseWriter, r *http.Request) {
		var in tokenRequest
		if decodeBody(w, r, &in) {
			state, err := a.setToken(r, in.Token)
			reply(w, state, err)
		}
	})
	mux.HandleFunc("POST /control/token/renew", func(w http.ResponseWriter, r *http.Request) {
		var in serialRequest
		if decodeBody(w, r, &in) {
			reply(w, a.tokenStates(), a.renewToken(r, in.Serial))
		}
	})
	mux.HandleFunc("GET /control/trust", func(w http.ResponseWriter, r *http.Request) {
		s, err := a.siteBySerial(r.FormValue("serial"))
		if err != nil {
			reply(w, nil, err)
			return
		}
		reply(w, a.keyState(r.Context(), s), nil)
	})
	mux.HandleFunc("POST /control/trust", func(w http.ResponseWriter, r *http.Request) {
		var in serialRequest
		if decodeBody(w, r, &in) {
			reply(w, in, a.trustKey(r, in))
		}
	})
	mux.HandleFunc("POST /control/capture", func(w http.ResponseWriter, r *http.Request) {
		var in serialRequest
		if decodeBody(w, r, &in) {
			recording, err := a.capture(r.Context(), in.Serial)
			reply(w, recording, err)
		}
	})
	mux.HandleFunc("POST /control/connect", a.serveConnect)
	mux.HandleFunc("POST /control/connect/answer", a.answerConnect)
	mux.HandleFunc("POST /control/cloud/check", func(w http.ResponseWriter, r *http.Request) { reply(w, a.checkCloud(r.Context()), nil) })
	mux.HandleFunc("GET /control/plan", func(w http.ResponseWriter, _ *http.Request) { reply(w, a.plans(), nil) })
	mux.Handle("/", a.web.Handler())
	return mux
}

// reply answers with JSON; an error with its text and what to do.
func reply(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusConflict)
		v = map[string]string{"error": err.Error(), "mend": fault.Mend(err)}
	}
	_ = json.NewEncoder(w).Encode(v) // the command went away
}

func decodeBody(w http.ResponseWriter, r *http.Request, into any) bool {
	err := json.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(into)
	if err != nil {
		reply(w, nil, errors.New("the request is not JSON"))
	}
	return err == nil
}

func (a *App) siteBySerial(serial string) (*site, error) {
	sites := a.allSites()
	if serial == "" && len(sites) == 1 {
		return sites[0], nil
	}
	for _, s := range sites {
		if s.cfg.Serial == serial {
			return s, nil
		}
	}
	if serial == "" {
		return nil, fmt.Errorf("%d gateways are being read; name one with -gateway SERIAL", len(sites))
	}
	return nil, fmt.Errorf("gateway %s is not being read", serial)
}

func (a *App) tokenStates() []TokenState {
	states := []TokenState{}
	for _, s := range a.allSites() {
		states = append(states, stateOf(s.cfg.Serial, s.keeper.Current()))
	}
	return states
}

func stateOf(serial string, t token.Token) TokenState {
	return TokenState{Serial: serial, Role: t.Role, Method: t.Method, ExpiresAt: t.ExpiresAt}
}

func (a *App) setToken(r *http.Request, pasted string) (TokenState, error) {
	t, err := token.Pasted(pasted)
	if err != nil {
		return TokenState{}, err
	}
	s, err := a.siteBySerial(t.Serial)
	if err != nil {
		return TokenState{}, err
	}
	if err := s.keeper.Offer(r.Context(), t); err != nil {
		return TokenState{}, err
	}
	return stateOf(s.cfg.Serial, s.keeper.Current()), nil
}

func (a *App) renewToken(r *http.Request, serial string) error {
	s, err := a.siteBySerial(serial)
	if err != nil {
		return err
	}
	return s.keeper.Renew(r.Context())
}

// keyState asks the host at the gateway's address which key it shows now. No
// secret is sent.
func (a *App) keyState(ctx context.Context, s *site) KeyState {
	entry, _ := a.state.book.Get(s.cfg.Serial)
	k := KeyState{Serial: s.cfg.Serial, Address: s.cfg.Address}
	for _, p := range entry.Pins {
		k.Pinned = append(k.Pinned, p.SHA256)
	}
	addresses := []string{s.cfg.Address}
	if s.cfg.Address == "" {
		addresses = []string{entry.Address}
	}
	k.ask(ctx, addresses)
	if k.Present == "" && s.cfg.Address == "" {
		// It may have a new key and a new address at once.
		if heard, err := discover.Find(ctx, discover.Config{Interfaces: a.cfg.Discover.Interfaces}); err == nil {
			k.ask(ctx, addressesOf(heard, k.Serial))
		}
	}
	if k.Present == "" && k.Error == "" {
		k.Error = errNoGateway.Error()
	}
	return k
}

// ask fills in the key of the first host that names the serial.
func (k *KeyState) ask(ctx context.Context, addresses []string) {
	for _, address := range addresses {
		if address == "" {
			continue
		}
		k.Address = address
		info, err := gateway.Identify(ctx, address)
		switch {
		case err != nil:
			k.Error = err.Error()
		case info.Serial != k.Serial:
			k.Error = "another gateway answers there: " + info.Serial
		case info.Key.IsZero():
			k.Error = "it answers by plain HTTP, where there is no key"
		default:
			k.Present, k.NotAfter, k.Error = info.Key.SHA256, info.Key.NotAfter, ""
			return
		}
	}
}

// trustKey pins the key that a person has just seen and said yes to, provided
// the gateway still shows it.
func (a *App) trustKey(r *http.Request, in serialRequest) error {
	s, err := a.siteBySerial(in.Serial)
	if err != nil {
		return err
	}
	return a.pin(r.Context(), s, in.SHA256)
}

func (a *App) pin(ctx context.Context, s *site, sha256 string) error {
	now := a.keyState(ctx, s)
	if now.Present == "" || now.Present != sha256 {
		return errors.New("the host shows another key by now; run envoyd trust again")
	}
	if err := a.state.book.Repin(s.cfg.Serial, trust.Key{SHA256: now.Present, NotAfter: now.NotAfter}, now.Address); err != nil {
		return err
	}
	s.collector.Wake()
	return nil
}

// plans tells which source serves which quantity, by gateway.
func (a *App) plans() map[string][]string {
	all := map[string][]string{}
	for _, s := range a.allSites() {
		if plan, ok := s.collector.Plan(); ok {
			all[s.cfg.Serial] = plan.Lines()
		}
	}
	return all
}
