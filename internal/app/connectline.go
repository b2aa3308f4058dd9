package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"envoyd/internal/fault"
)

// The conversation between `envoyd connect` and the running daemon: the command
// asks once, the daemon answers line by line for as long as it takes, and what
// the person says goes back in requests of their own. When the command goes
// away the daemon gives up, and with it the link.

// connectEvent is one line.
type connectEvent struct {
	Session string       `json:"session,omitempty"`
	Page    *ConsentPage `json:"page,omitempty"`    // to be shown
	Code    bool         `json:"code,omitempty"`    // a code is wanted
	Confirm *CloudSystem `json:"confirm,omitempty"` // yes or no is wanted
	Here    []string     `json:"here,omitempty"`    // with Confirm: the gateways of this place
	Done    *Connected   `json:"done,omitempty"`
	Error   string       `json:"error,omitempty"`
	Mend    string       `json:"mend,omitempty"`
}

// connectAnswer is what the person said.
type connectAnswer struct {
	Session string `json:"session"`
	Text    string `json:"text"`
}

var (
	errConnecting = &fault.Error{Err: errors.New("another envoyd connect is waiting for its owner"), Mend: "End that one first."}
	errBrokenOff  = errors.New("the running envoyd ended the conversation; run envoyd connect enlighten again")
)

// remoteOwner is the person at the other end of the socket.
type remoteOwner struct {
	session string
	answers chan string
	write   func(connectEvent) error
}

// Open shows the address to open.
func (o *remoteOwner) Open(_ context.Context, page ConsentPage) error {
	return o.write(connectEvent{Page: &page})
}

// Code asks for what the consent showed.
func (o *remoteOwner) Code(ctx context.Context) (string, error) {
	return o.ask(ctx, connectEvent{Code: true})
}

// Confirm asks whether a system without the gateway is the right one.
func (o *remoteOwner) Confirm(ctx context.Context, s CloudSystem, here []string) (bool, error) {
	answer, err := o.ask(ctx, connectEvent{Confirm: &s, Here: here})
	return answer == "yes", err
}

func (o *remoteOwner) ask(ctx context.Context, question connectEvent) (string, error) {
	question.Session = o.session
	if err := o.write(question); err != nil {
		return "", err
	}
	select {
	case text := <-o.answers:
		return text, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// serveConnect holds the conversation.
func (a *App) serveConnect(w http.ResponseWriter, r *http.Request) {
	var opt ConnectOptions
	if !decodeBody(w, r, &opt) {
		return
	}
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w).Flush
	o := &remoteOwner{session: random(), answers: make(chan string), write: func(e connectEvent) error {
		return errors.Join(out.Encode(e), flush())
	}}
	if !a.owner.CompareAndSwap(nil, o) {
		reply(w, nil, errConnecting)
		return
	}
	defer a.owner.Store(nil)
	w.Header().Set("Content-Type", "application/x-ndjson")
	done, err := a.connect(r.Context(), opt, o)
	if err != nil {
		_ = o.write(connectEvent{Error: err.Error(), Mend: fault.Mend(err)}) // the command went away
		return
	}
	_ = o.write(connectEvent{Done: &done})
}

// answerConnect passes on what the person said.
func (a *App) answerConnect(w http.ResponseWriter, r *http.Request) {
	var in connectAnswer
	if !decodeBody(w, r, &in) {
		return
	}
	o := a.owner.Load()
	if o == nil || !same(o.session, in.Session) {
		reply(w, nil, errBrokenOff)
		return
	}
	select {
	case o.answers <- in.Text:
		reply(w, struct{}{}, nil)
	case <-r.Context().Done():
	}
}

// Connect has the daemon get the owner's agreement.
func (c *Client) Connect(ctx context.Context, opt ConnectOptions, owner Owner) (Connected, error) {
	body, err := json.Marshal(opt)
	if err != nil {
		return Connected{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/control/connect", strings.NewReader(string(body)))
	if err != nil {
		return Connected{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Connected{}, fmt.Errorf("asking the running envoyd: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	for lines := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)); ; {
		var e connectEvent
		if lines.Decode(&e) != nil {
			return Connected{}, errBrokenOff
		}
		if e.Error != "" {
			return Connected{}, &fault.Error{Err: errors.New(e.Error), Mend: e.Mend}
		}
		if e.Done != nil {
			return *e.Done, nil
		}
		if err := c.hear(ctx, e, owner); err != nil {
			return Connected{}, err
		}
	}
}

// hear passes one line on to the person, and the answer back.
func (c *Client) hear(ctx context.Context, e connectEvent, owner Owner) error {
	answer := connectAnswer{Session: e.Session}
	var err error
	switch {
	case e.Page != nil:
		return owner.Open(ctx, *e.Page)
	case e.Code:
		answer.Text, err = owner.Code(ctx)
	case e.Confirm != nil:
		var yes bool
		yes, err = owner.Confirm(ctx, *e.Confirm, e.Here)
		answer.Text = map[bool]string{true: "yes", false: "no"}[yes]
	default:
		return nil
	}
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, "/control/connect/answer", answer, nil)
}
