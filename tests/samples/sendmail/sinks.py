import socketserver, threading, sys
class H(socketserver.StreamRequestHandler):
    def handle(self):
        w=lambda s: self.wfile.write(s.encode()+b'\r\n'); w('220 sink'); data=False
        for l in self.rfile:
            l=l.decode(errors='replace').rstrip('\r\n'); c=l[:4].upper()
            if data:
                if l=='.': data=False; w('250 2.0.0 Ok: queued as 4jYDB64xy6zCHdY')
                continue
            if c=='EHLO': w('250 sink')
            elif c=='RCPT': w('550 5.1.1 no such user' if 'gone' in l else '450 4.2.0 try, later' if 'later' in l else '250 OK')
            elif c=='DATA': data=True; w('354 go')
            elif c=='QUIT': w('221 bye'); return
            else: w('250 OK')
socketserver.ThreadingTCPServer.allow_reuse_address=True
s=socketserver.ThreadingTCPServer(('127.0.0.1',25),H); threading.Thread(target=s.serve_forever,daemon=True).start()
threading.Event().wait(float(sys.argv[1]))
