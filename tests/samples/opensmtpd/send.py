import smtplib, sys
from email.message import EmailMessage
A,B,C=(u+'@corp.example' for u in ('alice','bob','carol')); n=0
E='ext@partner.example'
def go(frm,to,s=None):
    global n; n+=1
    m=EmailMessage(); m['From']=frm or 'x@corp.example'; m['To']=', '.join(to); m['Subject']='zebra-crossing-at-noon'; m['Message-ID']=f'<e{n:04d}@ws.corp.example>'; m.set_content('x\n')
    s=smtplib.SMTP('127.0.0.1',int(sys.argv[1]),local_hostname='ws1.corp.example')
    try: print(frm, to, s.sendmail(frm,to,m.as_string()))
    except smtplib.SMTPException as e: print(frm, to, e)
    s.quit()
go(A,[B]); go(A,[B,C,'alice@corp.example']); go(A,['sales@corp.example']); go(A,[E,'two@partner.example','three@partner.example'])
go(A,['fwd@corp.example']); go(A,['list@corp.example']); go(A,['pipe@corp.example']); go(A,['box@corp.example'])
go(A,['gone@bounce.example']); go(A,['gone@partner.example',E]); go(A,['later@slow.example']); go(A,['info@shop.example','buy@shop.example'])
go(E,[A]); go('',[B]); go(A,['nobody-here@corp.example',B]); go('ghost@bounce.example',['gone@bounce.example'])
go('"a b,c"@partner.example',[B]); go(A,['dave@corp.example']); go(A, ['later@partner.example', B, 'gone@partner.example', E])
go(A,['one@signed.example','fwds@corp.example','gone@signed.example'])
