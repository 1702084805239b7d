"""How text speaks that wants an assistant to do something. Searched in lower case, single spaces, RE2 syntax."""

_DO = (
    "add|append|apply|adopt|analy[sz]e|blend|book|compose|convert|create|delete|describe|draft|email|embed|encode|encrypt|"
    "ensure|execute|explain|fetch|forward|forget|generate|get|give|ignore|implement|incorporate|inject|insert|integrate|"
    "invoke|invite|leverage|list|make|modify|post|promote|provide|put|rearrange|replace|reply|reserve|reverse|rewrite|run|"
    "say|send|share|show|sign|substitute|suggest|summari[sz]e|tell|transfer|translate|upload|use|utili[sz]e|visit|weave|write"
)
_WHO = "ai|llm|assistant|language model|chatbot|copilot|claude|chatgpt|gemini|(ai|automated|reading|incident|coding) agent"
_ORDERS = (
    "(instructions?|prompts?|rules?|guidelines?|directions?|orders?|commands?|messages?|policy|policies|restrictions?|context)"
)
_SAID = "(previous|prior|above|earlier|preceding|existing|original|system|all|any|your|my|these|safety)"
_ANSWER = "(response|answer|reply|output|elucidation)"
_PERSON = "(user|human|operator|person|people|engineer|owner)"
_CODE = "(code|script|python|snippet|lines? of code|program|command)"
_LETTER = "(story|poem|essay|speech|letter|introduction|email|song|tweet|article|blog|event|calendar)"
_NO = "(without|no need (to|for)|skip|bypass|instead of|don't|do not|never|needn't)"

SHAPES: dict[str, tuple[str, ...]] = {
    "takes back what the assistant was told": (
        r"\b(ignore|disregard|forget|override|bypass|do not follow|stop following)\b.{0,40}"
        rf"\b{_SAID}\b.{{0,40}}\b{_ORDERS}\b",
        r"\b(new|updated|revised|real|actual|following|secret|hidden) (system )?(instructions?|directives?)\b"
        r".{0,3}(:|are\b|follow\b)",
        r"\byou (are|will be|act as|must act as) (now |no longer )(a|an|the|in|bound|restricted|free)?\b",
        r"\b(developer|god|jailbreak|unrestricted|dan|admin(istrator)?) mode (is )?(now )?(enabled|on|active|activated)\b",
        r"\b(do|follow|obey|carry out|execute|perform|complete) (exactly )?(the|these|my|all) (following |next |above )?"
        r"(instructions?|orders|directives|steps exactly)\b",
        r"\bsystem prompt\b",
    ),
    "speaks to the assistant": (
        r"\b(dear|hey|hello|hi|attention|note to|message (to|for)|instructions? (to|for)|notice to|to) "
        rf"(the |all |any |you,? the )?({_WHO}|agents?|gpt)s?\b( [a-z]+){{0,2}}[:,.!]",
        rf"\b({_WHO})s? (must|should|shall|has to|have to|needs? to|(is|are) required to|is instructed|may now|reading this)\b",
        rf"\b(you|you're|as|if you are) (are )?(an?|the) (helpful )?({_WHO})\b",
        r"\b(message|note|request|instruction) from (me,? )?(the |your )?"
        r"(user|owner|operator|developers?|admin(istrator)?|boss)\b",
        rf"\bif you are (an? )?({_WHO}|bot|agent)\b",
    ),
    "looks like the markup of a conversation": (
        r"<\|(im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id)\|>",
        r"\[/?(inst|system_?prompt)\]|<</?sys>>",
        r"(^|[^?p])</?(system[-_](prompt|reminder)|assistant|instructions?|important|information)>",
        r"(^|[\n\"'>])\s*#{2,4} ?(system|instructions?|assistant|response)\b ?:?\s*(\n|$)",
        r"(^|\n)\s*(human|assistant|system|user) ?: .*(\b(you|please|ignore|run|execute|approve|must)\b)",
    ),
    "looks like a tool call": (
        r"</?(antml:)?(tool_?calls?|tool_?use|tool_?result|function_?calls?|function_?results?|invoke|parameter)\b[^>\n]{0,80}>",
        r"[\"'](method|type)[\"']\s*:\s*[\"'](tools/call|tool_use|tool_call|function_call|elicitation/create)[\"']",
        r"[\"'](tool|function|name|tool_name|recipient_name)[\"']\s*:\s*[\"'][a-z_.]+[\"']\s*,\s*"
        r"[\"'](arguments|parameters|input|args)[\"']",
        r"\b(call|invoke|use|run) (the )?(tool |function )?`?(execute_action|plan_action|approve|run_diagnostic)`?\b",
        r"\bmcp__\w+__\w+\b",
    ),
    "speaks of approval or of hiding something": (
        rf"\b{_NO} (asking|ask|confirm\w*|wait\w* for|(human |user |any |further )?(approval|permission|confirmation|consent)|"
        r"notify|notifying|tell|telling|mention|mentioning|inform|informing|reveal|alert)\b"
        rf"( the| any| your| anyone| anybody| a)?( {_PERSON}| approval| permission| confirmation| this| it| that| first)?\b"
        rf".{{0,60}}\b({_PERSON}|plan|action|command|restart|delete|proceed|instruction|message|request)s?\b",
        r"\b(this|the|your) (plan|action|change|request|operation|restart) (is|was|has been|has already been) (already )?"
        r"(pre-?approved|approved by|authori[sz]ed by) ",
        r"\b(approve|authori[sz]e|confirm|accept) (this|the|all|any|every) (pending )?"
        r"(plans?|actions?|requests?|dialogs?|proposals?)\b",
    ),
    "says how to answer": (
        r"\b(in|to|of|into|for|with) (your|the final) (final |next |own )?"
        rf"({_ANSWER}|summary|report|explanation|message to the user)s?\b",
        r"\b(provide|translate|encode|encrypt|reverse|write|give|rewrite|rephrase|format|present|express|substitute|shift|convert|"
        r"spell|render|represent|respond|answer|reply|start|end|begin|finish)\w* (with |in |using |by )?(your|the) "
        rf"(final |entire |own |whole )?({_ANSWER}|message)('s|s)?\b",
        r"\b(respond|answer|reply) (only )?(in|with|using|as) (a |an |the )?"
        r"(french|spanish|german|russian|emojis?|morse|base64|reverse|json|yes|pig latin|caesar)\b",
        r"\b(represent|replace|swap|substitute|rearrange|scramble|shift|use|encode|encrypt)\b.{0,60}"
        rf"\b(in|of|your|the) (your |the )?{_ANSWER}\b",
        rf"\byour (entire |whole |final )?{_ANSWER}('s)?\b",
    ),
    "wants code to be taken over": (
        rf"\b(the |this )?(following|below|subsequent|next|succeeding|provided|given) {_CODE}s?"
        r"( (snippet|block|excerpt|section|segment|fragment|portion|sample|extract|piece)s?)?\b.{0,160}"
        r"\b(your|you|code|codebase|implementation|solution|program|project|beneficial|advantageous|hesitate|recommended)\b",
        r"\b(your|hesitate|ensure|consider|advantageous|beneficial|recommended|incorporate|inject|embed|integrat\w*|leverage|"
        r"utili[sz]e|include|including|insert|append|supplement\w*)\b.{0,100}"
        r"\b(the |this )?(following|below|subsequent|succeeding) (code|script|snippet|python)\b",
    ),
    "asks for something as a person would": (
        rf"(^|[.!?:]\s+|\n\s*|\b(please|then|and|also|now|kindly|instead,?|afterwards,?|first,?|to) )({_DO})\b[^.\n]{{0,120}}"
        r"\b(my|me|for me|all (the )?(emails?|messages|files|documents|passwords|secrets|credentials|unread)|inbox|"
        r"every single|to this address)\b",
        r"\b(can|could|would|will) you (please |kindly )?[a-z]+ (me|us|my|the|a|an|this)\b",
        r"\bplease (e-?mail|send|forward|delete|transfer|upload|create|write|add|invite|share|post|reply|tell|execute|approve|"
        r"do the following)\b",
        rf"\b(write|draft|compose|create|develop|provide) (me )?(a|an) (short |simple |brief |\d+ hour long )?{_LETTER}\b",
        r"\b(e-?mail|send|forward|upload|post) .{0,80}\b(to|at) '?[a-z0-9._+-]+@[a-z0-9.-]+\.[a-z]{2,}",
        r"\b(curl|wget|fetch|download)\b[^\n|]{0,120}\| ?(sudo )?(ba|z|da)?sh\b",
    ),
}
"""What it does, in our words → patterns, any of which is enough."""
