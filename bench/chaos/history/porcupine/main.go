// Judges a history of calls on pairs of paths by github.com/anishathalye/porcupine: history-judge FILE SECONDS. FILE has one JSON object a
// line, as bench/chaos/history/operation.ts describes it. Each pair is judged by itself, for at most SECONDS in all. The program exits with
// 0 when the history is linearizable, with 1 when it is not, and with 3 when the time did not suffice to tell.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"
)

// operation is one call on a path of a pair. Times are in microseconds; the return of a call whose outcome is unknown is ignored.
type operation struct {
	Pair         int    `json:"pair"`
	Caller       int    `json:"caller"`
	Call         int64  `json:"call"`
	Return       int64  `json:"return"`
	Kind         string `json:"kind"`
	Path         int    `json:"path"`
	Content      int64  `json:"content"`
	Generation   int64  `json:"generation"`
	IfGeneration *int64 `json:"ifGeneration"`
	Seen         int64  `json:"seen"`
	Outcome      string `json:"outcome"`
}

type file struct{ content, generation int64 }

// place is what is known of one path. A live file has a generation from 1.
type place struct {
	live    file
	last    int64
	deleted []file
}

// state is that of both paths. After the end of the history, calls of unknown outcome may stay without any effect.
type state struct {
	places  [2]place
	isEnded bool
}

func (s state) with(path int, p place) state {
	s.places[path] = p
	return s
}

// step says whether the call may have its outcome in the state, and the state behind it.
func step(s state, o operation) (bool, state) {
	if o.Kind == "end" {
		s.isEnded = true
		return true, s
	}
	if o.Outcome == "unknown" {
		next, isPossible := change(s, o)
		if s.isEnded {
			return true, s
		}
		return isPossible, next
	}
	p := s.places[o.Path]
	isLive := p.live.generation != 0
	switch o.Outcome {
	case "missing":
		if o.Kind == "undelete" {
			return !isLive && len(p.deleted) == 0, s
		}
		return !isLive && p.last >= o.Seen, s
	case "exists":
		return isLive, s
	case "mismatch":
		return o.IfGeneration != nil && p.live.generation != *o.IfGeneration, s
	}
	if o.Kind == "get" {
		return isLive && p.live == file{o.Content, o.Generation} && p.last >= o.Seen, s
	}
	next, isPossible := change(s, o)
	return isPossible, next
}

// change makes the change of a call that succeeds; false where it cannot succeed.
func change(s state, o operation) (state, bool) {
	p := s.places[o.Path]
	isLive := p.live.generation != 0
	// A call that was repeated tells the present state of its file, so not every answer has the generation of then.
	isSame := func(f file) bool {
		return o.Outcome == "unknown" || f.content == o.Content && (o.Generation == 0 || o.Generation == f.generation)
	}
	switch o.Kind {
	case "commit":
		if o.IfGeneration != nil && *o.IfGeneration != p.live.generation {
			return s, false
		}
		p.last++
		p.live = file{o.Content, p.last}
		return s.with(o.Path, p), isSame(p.live)
	case "delete":
		if !isLive || !isSame(p.live) {
			return s, false
		}
		p.deleted = append(slices.Clip(p.deleted), p.live)
		p.live = file{}
		return s.with(o.Path, p), true
	case "undelete":
		if isLive || len(p.deleted) == 0 {
			return s, false
		}
		last := len(p.deleted) - 1
		p.live, p.deleted = p.deleted[last], p.deleted[:last]
		return s.with(o.Path, p), isSame(p.live)
	case "move":
		if !isLive {
			return s, false
		}
		target := s.places[1-o.Path]
		target.last++
		target.live = file{p.live.content, target.last}
		p.live = file{}
		return s.with(o.Path, p).with(1-o.Path, target), isSame(target.live)
	}
	panic("unknown kind of operation: " + o.Kind)
}

func equal(a, b state) bool {
	for i := range a.places {
		x, y := a.places[i], b.places[i]
		if x.live != y.live || x.last != y.last || !slices.Equal(x.deleted, y.deleted) {
			return false
		}
	}
	return a.isEnded == b.isEnded
}

func hash(s state) uint64 {
	h := uint64(14695981039346656037)
	mix := func(n int64) { h = (h ^ uint64(n)) * 1099511628211 }
	for _, p := range s.places {
		mix(p.live.content)
		mix(p.live.generation)
		mix(p.last)
		mix(int64(len(p.deleted)))
	}
	return h
}

var model = porcupine.Model{
	Init:  func() any { return state{} },
	Step:  func(s, input, _ any) (bool, any) { return step(s.(state), input.(operation)) },
	Equal: func(a, b any) bool { return equal(a.(state), b.(state)) },
	Hash:  func(s any) uint64 { return hash(s.(state)) },
}

func read(path string) (map[int][]operation, int, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer opened.Close()
	pairs, count := map[int][]operation{}, 0
	for lines := bufio.NewScanner(opened); lines.Scan(); count++ {
		var o operation
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return nil, 0, err
		}
		pairs[o.Pair] = append(pairs[o.Pair], o)
	}
	return pairs, count, nil
}

// toHistory leaves unknown outcomes open to the end, which is a call of its own behind all known ones.
func toHistory(operations []operation) []porcupine.Operation {
	var end int64
	for _, o := range operations {
		end = max(end, o.Call, o.Return)
	}
	history := []porcupine.Operation{{Input: operation{Kind: "end"}, Call: end + 1, Return: end + 2}}
	for _, o := range operations {
		returned := o.Return
		if o.Outcome == "unknown" {
			returned = math.MaxInt64
		}
		history = append(history, porcupine.Operation{ClientId: o.Caller, Input: o, Call: o.Call, Return: returned})
	}
	return history
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: history-judge FILE SECONDS")
		os.Exit(2)
	}
	pairs, count, err := read(os.Args[1])
	seconds, wrong := strconv.Atoi(os.Args[2])
	if err != nil || wrong != nil {
		fmt.Fprintln(os.Stderr, "cannot read the history:", err, wrong)
		os.Exit(2)
	}
	deadline := time.Now().Add(time.Duration(seconds) * time.Second)
	status := 0
	for pair, operations := range pairs {
		// A timeout of 0 would mean none.
		left := max(time.Until(deadline), time.Millisecond)
		switch porcupine.CheckOperationsTimeout(model, toHistory(operations), left) {
		case porcupine.Illegal:
			fmt.Printf("refused: the history of pair %d is not linearizable\n", pair)
			status = 1
		case porcupine.Unknown:
			fmt.Printf("undecided: the history of pair %d\n", pair)
			status = max(status, 3)
		}
	}
	if status == 0 {
		fmt.Printf("accepted %d operations of %d pairs\n", count, len(pairs))
	}
	os.Exit(status)
}
