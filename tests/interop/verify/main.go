// Command verify reads a vault's log with Go's own signed notes and Merkle trees (golang.org/x/mod/sumdb) and prints what it found as JSON.
//
//	verify note VKEY FILE                                    the text and signers of a note, and how many lines are strangers'
//	verify sign NAME FILE                                    a note of the text, by a key that is made for it, and its vkey
//	verify proof VKEY FILE                                   whether a tlog-proof, with the entry in it, holds; the entry's text
//	verify inclusion SIZE ROOT INDEX ENTRY-FILE PROOF...     whether the entry is under the root
//	verify consistency OLD-SIZE OLD-ROOT SIZE ROOT PROOF...  whether one tree is a prefix of the other
//
// Hashes are hex. Exit code 0 whether or not it verifies: the answer is in {"ok": ..., "error": ...}; 2 for wrong arguments.
package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type result struct {
	OK     bool     `json:"ok"`
	Error  string   `json:"error,omitempty"`
	Text   string   `json:"text,omitempty"`
	Signed []string `json:"signed,omitempty"`
	Others int      `json:"others,omitempty"`
	Key    string   `json:"key,omitempty"`
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "verify:", err)
	os.Exit(2)
}

func number(text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		fatal(err)
	}
	return value
}

func hash(text string) (found tlog.Hash) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != tlog.HashSize {
		fatal(fmt.Errorf("not a hash"))
	}
	copy(found[:], raw)
	return found
}

func hashes(texts []string) (found []tlog.Hash) {
	for _, text := range texts {
		found = append(found, hash(text))
	}
	return found
}

func read(path string) []byte {
	raw, err := os.ReadFile(path)
	if err != nil {
		fatal(err)
	}
	return raw
}

func outcome(err error) result {
	if err != nil {
		return result{Error: err.Error()}
	}
	return result{OK: true}
}

func openNote(vkey string, raw []byte) result {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return outcome(err)
	}
	opened, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return outcome(err)
	}
	found := result{OK: true, Text: opened.Text, Others: len(opened.UnverifiedSigs)}
	for _, signature := range opened.Sigs {
		found.Signed = append(found.Signed, signature.Name)
	}
	return found
}

func signNote(name string, text []byte) result {
	private, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		fatal(err)
	}
	raw, err := note.Sign(&note.Note{Text: string(text)}, signer)
	if err != nil {
		return outcome(err)
	}
	return result{OK: true, Text: string(raw), Key: vkey}
}

func decode(text, prefix string) []byte {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, prefix))
	if err != nil || !strings.HasPrefix(text, prefix) {
		fatal(fmt.Errorf("not %s and base64", prefix))
	}
	return raw
}

func openProof(vkey string, raw []byte) result {
	parts := strings.SplitN(string(raw), "\n\n", 2)
	lines := strings.Split(parts[0], "\n")
	if len(parts) != 2 || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		fatal(fmt.Errorf("not a proof"))
	}
	entry := decode(lines[1], "extra ")
	var path []tlog.Hash
	for _, line := range lines[3:] {
		path = append(path, hash(hex.EncodeToString(decode(line, ""))))
	}
	opened := openNote(vkey, []byte(parts[1]))
	if !opened.OK {
		return opened
	}
	head := strings.Split(opened.Text, "\n")
	root := hash(hex.EncodeToString(decode(head[2], "")))
	index := number(strings.TrimPrefix(lines[2], "index "))
	if err := tlog.CheckRecord(path, number(head[1]), root, index, tlog.RecordHash(entry)); err != nil {
		return outcome(err)
	}
	return result{OK: true, Text: string(entry), Others: opened.Others}
}

func main() {
	if len(os.Args) < 4 {
		fatal(fmt.Errorf("too few arguments"))
	}
	var found result
	switch arguments := os.Args[2:]; {
	case os.Args[1] == "note" && len(arguments) == 2:
		found = openNote(arguments[0], read(arguments[1]))
	case os.Args[1] == "sign" && len(arguments) == 2:
		found = signNote(arguments[0], read(arguments[1]))
	case os.Args[1] == "proof" && len(arguments) == 2:
		found = openProof(arguments[0], read(arguments[1]))
	case os.Args[1] == "inclusion" && len(arguments) >= 4:
		leaf := tlog.RecordHash(read(arguments[3]))
		found = outcome(tlog.CheckRecord(hashes(arguments[4:]), number(arguments[0]), hash(arguments[1]), number(arguments[2]), leaf))
	case os.Args[1] == "consistency" && len(arguments) >= 4:
		found = outcome(tlog.CheckTree(hashes(arguments[4:]), number(arguments[2]), hash(arguments[3]), number(arguments[0]), hash(arguments[1])))
	default:
		fatal(fmt.Errorf("unknown command or number of arguments"))
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		fatal(err)
	}
}
